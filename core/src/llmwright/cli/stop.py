"""``llmwright stop``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import selected_keys, shown
from llmwright.cli.show.target import note_place, note_release


@click.command(
    epilog="""\b
Examples:
  llmwright stop my-workspace
  llmwright stop my-workspace --context prod -n models
  llmwright stop -l team=search
"""
)
@click.argument("workspaces", nargs=-1)
@arguments.selected
@arguments.placed
@click.pass_obj
def stop(
    session: Session, workspaces: tuple[str, ...], selector: str, all_namespaces: bool, namespace: str | None
) -> None:
    """End what runs of Workspaces and keep the rest: the plan, and on one machine weights, logs and checkpoints.

    On a cluster a server is scaled to 0 copies and its nodes are given back. `llmwright start` goes on from there.
    """
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces, changes=True)
    note_place(session)
    for key in keys:
        note_release(session, *key)
        change = session.target.stop(*key)
        click.echo(f"{shown(key, everywhere=all_namespaces)} {'stopped' if change == 'configured' else change}")
