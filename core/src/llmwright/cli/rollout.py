"""``llmwright rollout``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note_repairs


@click.command(epilog="\b\nExamples:\n  llmwright rollout my-workspace\n")
@click.argument("workspaces", nargs=-1, required=True)
@arguments.config_dir
@arguments.namespaced
@click.pass_obj
def rollout(session: Session, workspaces: tuple[str, ...], config_dir: str | None, namespace: str | None) -> None:
    """Move Workspaces to the plan that would be made for them today.

    A plan is decided once per change: a new version, price or preset moves nothing by itself and shows as the condition
    UpdateAvailable until it is rolled out.
    """
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import from_workspace
    from llmwright.app.planner import Planner

    note_repairs(session.local_target.repair())
    planner = Planner(session, CheckMode.apply(), config_dir)
    for name in workspaces:
        key = namespace or "default", name
        current = session.local_target.get(*key)
        loaded = from_workspace(current, session.local_target.base_directory(*key))
        change = session.local_target.rollout(*key, planner.plan_loaded(loaded, current).plan)
        click.echo(f"workspace.kaito.sh/{name} {change}")
