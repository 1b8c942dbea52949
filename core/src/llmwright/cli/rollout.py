"""``llmwright rollout``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments


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
    from llmwright.api.document import Document, to_mapping
    from llmwright.app.documents import Written

    session.repair()
    preparation = session.preparation(config_dir=config_dir, buying=True)
    for name in workspaces:
        place = namespace or "default"
        current = session.target.get(place, name)
        written = Written(
            current, Document(to_mapping(current), source=name), session.target.base_directory(place, name)
        )
        change = session.target.rollout(place, name, preparation.prepare(written, old=current).plan)
        click.echo(f"workspace.kaito.sh/{name} {change}")
