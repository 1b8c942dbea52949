"""``llmwright stop``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.target import note_place, note_release


@click.command(
    epilog="""\b
Examples:
  llmwright stop my-workspace
  llmwright stop my-workspace --context prod -n models
"""
)
@click.argument("workspaces", nargs=-1, required=True)
@arguments.placed
@click.pass_obj
def stop(session: Session, workspaces: tuple[str, ...], namespace: str | None) -> None:
    """End what runs of Workspaces and keep the rest: the plan, and on one machine weights, logs and checkpoints.

    On a cluster a server is scaled to 0 copies and its nodes are given back. `llmwright start` goes on from there.
    """
    note_place(session)
    where = namespace or session.target.namespace
    for name in workspaces:
        note_release(session, where, name)
        change = session.target.stop(where, name)
        click.echo(f"workspace.kaito.sh/{name} {'stopped' if change == 'configured' else change}")
