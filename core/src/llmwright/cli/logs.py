"""``llmwright logs``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note_repairs


@click.command(
    epilog="""\b
Examples:
  llmwright logs my-workspace
  llmwright logs -f my-workspace --stage tuning
  llmwright logs my-workspace --target kubernetes --stage serving --previous
"""
)
@click.argument("workspace")
@click.option("-f", "--follow", is_flag=True, help="Go on printing lines as they are written.")
@click.option("--stage", help="Only of this role (preflight, tuning, serving), process, container or pod.")
@click.option("-p", "--previous", is_flag=True, help="Of the runs before the last starts: why a container ended.")
@arguments.placed
@click.pass_obj
def logs(
    session: Session, workspace: str, follow: bool, stage: str | None, previous: bool, namespace: str | None
) -> None:
    """Print what the processes of a Workspace wrote."""
    if follow and previous:
        raise click.UsageError("what has ended writes no more: leave out --follow or --previous")
    note_repairs(session.target.repair())
    where = namespace or session.target.namespace
    for line in session.target.logs(where, workspace, following=follow, stage=stage, previous=previous):
        click.echo(line.rstrip("\n"))
