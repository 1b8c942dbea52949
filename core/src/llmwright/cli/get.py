"""``llmwright get``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import format_option, note_repairs

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace

POLL_S = 0.25


@click.command(
    epilog="""\b
Examples:
  llmwright get
  llmwright get my-workspace -o yaml
  llmwright get -w -o wide
  llmwright get --target kubernetes --context prod -A -l team=search
"""
)
@click.argument("workspaces", nargs=-1)
@click.option("-w", "--watch", is_flag=True, help="Go on printing a line for each change.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Those of every namespace.")
@arguments.selected
@click.option("--no-headers", is_flag=True, help="Print no headings.")
@format_option("wide", "name")
@arguments.placed
@click.pass_obj
def get(
    session: Session,
    workspaces: tuple[str, ...],
    watch: bool,
    all_namespaces: bool,
    selector: str,
    no_headers: bool,
    output: str | None,
    namespace: str | None,
) -> None:
    """List Workspaces, with the columns of the CustomResourceDefinition."""
    from llmwright.cli.show.workspaces import WorkspaceTable, dump_workspaces

    note_repairs(session.target.repair())
    if workspaces and (selector or all_namespaces):
        raise click.UsageError("name Workspaces, or choose them with -l or -A")
    where = None if all_namespaces else namespace or session.target.namespace
    listed = _find(session, workspaces, where, selector)
    if output in ("json", "yaml"):
        dump_workspaces(listed, output, single=len(workspaces) == 1)
        return
    if output == "name":
        for workspace in listed:
            click.echo(f"workspace.kaito.sh/{workspace.name}")
        return
    table = WorkspaceTable(wide=output == "wide", namespaces=all_namespaces, headings=not no_headers)
    if not listed and not watch:
        click.echo("no Workspaces" if where is None else f"no Workspaces in namespace {where}", err=True)
        return
    table.print(listed)
    while watch:
        time.sleep(POLL_S)
        table.print_changed(_find(session, workspaces, where, selector))


def _find(session: Session, names: tuple[str, ...], namespace: str | None, selector: str) -> list[Workspace]:
    if not names:
        return list(session.target.list(namespace, selector))
    return [session.target.get(namespace or "default", name) for name in names]
