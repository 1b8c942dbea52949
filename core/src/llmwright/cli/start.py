"""``llmwright start``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import selected_keys, shown
from llmwright.cli.show.target import note_place


@click.command(
    epilog="""\b
Examples:
  llmwright start my-workspace
  llmwright start my-workspace --context prod -n models
  llmwright start -l team=search
"""
)
@click.argument("workspaces", nargs=-1)
@arguments.selected
@arguments.placed
@click.pass_obj
def start(
    session: Session, workspaces: tuple[str, ...], selector: str, all_namespaces: bool, namespace: str | None
) -> None:
    """Go on with Workspaces that were stopped, by the plan that was recorded for them."""
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces, changes=True)
    note_place(session)
    for key in keys:
        change = session.target.start(*key)
        click.echo(f"{shown(key, everywhere=all_namespaces)} {'started' if change == 'configured' else change}")
