"""``llmwright apply``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note


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
    from llmwright.app.documents import read_workspaces

    workspaces = read_workspaces(names, namespace)
    session.repair()
    preparation = session.preparation(config_dir=config_dir, buying=True)
    prepared = [preparation.prepare(written, old=session.current(written.workspace)) for written in workspaces]
    for one in prepared:
        for warning in one.warnings:
            note(f"warning: {warning}")
    for one in prepared:
        change = session.apply(one)
        click.echo(f"workspace.kaito.sh/{one.workspace.name} {change}")
