"""``llmwright apply``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note, note_repairs
from llmwright.cli.show.target import note_place


@click.command(
    epilog="""\b
Examples:
  llmwright apply -f workspace.yaml
  llmwright apply -f workspaces/ -n team-a
  llmwright init serve -f - | llmwright apply -f -
  llmwright apply -f workspace.yaml --context prod -n models
"""
)
@arguments.filenames
@click.option("--check/--no-check", default=True, show_default=True, help="Judge it here too, before a cluster does.")
@arguments.placed
@click.pass_obj
def apply(session: Session, names: tuple[str, ...], config_dir: str | None, check: bool, namespace: str | None) -> None:
    """Create or change Workspaces and return at once; `llmwright get -w` shows how they come along.

    Every file is checked before the first of them is applied: on this machine it is planned too, on a cluster the API
    server is asked whether it would accept it.
    """
    from llmwright.app.applying import prepare
    from llmwright.app.documents import read_workspaces
    from llmwright.cli.show.page import note_page

    workspaces = read_workspaces(names, namespace)
    note_repairs(session.target.repair())
    prepared = prepare(session, workspaces, config_dir, check=check)
    note_place(session)
    for each in prepared:
        for warning in each.warnings:
            note(f"warning: {warning}")
    for each in prepared:
        for what, change in each.apply():
            click.echo(f"{what} {change}")
            if change == "unchanged":
                note_page(session, each.namespace, each.name)
