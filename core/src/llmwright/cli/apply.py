"""``llmwright apply``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note, note_repairs


@click.command(
    epilog="""\b
Examples:
  llmwright apply -f workspace.yaml
  llmwright apply -f workspaces/ -n team-a
  llmwright init serve -f - | llmwright apply -f -
"""
)
@arguments.filenames
@arguments.namespaced
@click.pass_obj
def apply(session: Session, names: tuple[str, ...], config_dir: str | None, namespace: str | None) -> None:
    """Create or change Workspaces and return at once; `llmwright get -w` shows how they come along.

    Every file is checked and planned before the first of them is applied.
    """
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import read_workspaces
    from llmwright.app.planner import Planner
    from llmwright.cli.show.page import note_page

    workspaces = read_workspaces(names, namespace)
    note_repairs(session.target.repair())
    planner = Planner(session, CheckMode.apply(), config_dir)
    planned = [planner.plan_loaded(loaded, session.current(loaded.workspace)) for loaded in workspaces]
    for each in planned:
        for warning in each.warnings:
            note(f"warning: {warning}")
    for each in planned:
        change = session.apply(each)
        click.echo(f"workspace.kaito.sh/{each.workspace.name} {change}")
        if change == "unchanged":
            note_page(session, each.workspace.namespace, each.workspace.name)
