"""``llmwright get``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import format_option, note, note_repairs

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.cli.show.workspaces import WorkspaceTable


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
    table = WorkspaceTable(wide=output == "wide", namespaces=all_namespaces, headings=not no_headers)
    if watch:
        if output in (None, "wide"):
            table.print(listed)
        _watch(session, workspaces, where, selector, output, table)
    elif output in ("json", "yaml"):
        dump_workspaces(listed, output, single=len(workspaces) == 1)
    elif output == "name":
        for workspace in listed:
            _print_name(workspace)
    elif listed:
        table.print(listed)
    else:
        note("no Workspaces" if where is None else f"no Workspaces in namespace {where}")


def _watch(
    session: Session,
    names: tuple[str, ...],
    namespace: str | None,
    selector: str,
    output: str | None,
    table: WorkspaceTable,
) -> None:
    """Print a row, a name or an object for each change, until this process ends."""
    for workspace in session.target.changes(namespace, selector):
        if names and workspace.name not in names:
            continue
        if output == "name":
            _print_name(workspace)
        elif output in ("json", "yaml"):
            _print_object(workspace, output)
        else:
            table.print_changed([workspace])
        # Whoever reads a pipe waits for each change.
        sys.stdout.flush()


def _print_name(workspace: Workspace) -> None:
    click.echo(f"workspace.kaito.sh/{workspace.name}")


def _print_object(workspace: Workspace, output: str) -> None:
    from llmwright.cli.show.workspaces import dump_workspaces

    if output == "yaml":
        click.echo("---")
    dump_workspaces([workspace], output, single=True)


def _find(session: Session, names: tuple[str, ...], namespace: str | None, selector: str) -> list[Workspace]:
    if not names:
        return list(session.target.list(namespace, selector))
    return [session.target.get(namespace or "default", name) for name in names]
