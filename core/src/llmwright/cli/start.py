"""``llmwright start``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.target import note_place


@click.command(
    epilog="""\b
Examples:
  llmwright start my-workspace
  llmwright start my-workspace --context prod -n models
"""
)
@click.argument("workspaces", nargs=-1, required=True)
@arguments.placed
@click.pass_obj
def start(session: Session, workspaces: tuple[str, ...], namespace: str | None) -> None:
    """Go on with Workspaces that were stopped, by the plan that was recorded for them."""
    note_place(session)
    where = namespace or session.target.namespace
    for name in workspaces:
        change = session.target.start(where, name)
        click.echo(f"workspace.kaito.sh/{name} {'started' if change == 'configured' else change}")
