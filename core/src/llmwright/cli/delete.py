"""``llmwright delete``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note


@click.command(
    epilog="""\b
Examples:
  llmwright delete my-workspace
  llmwright delete -f workspace.yaml
  llmwright delete --all
"""
)
@click.argument("workspaces", nargs=-1)
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="Delete the Workspaces of this file.")
@click.option("--all", "everything", is_flag=True, help="Delete all Workspaces of the namespace.")
@click.option("--ignore-not-found", is_flag=True, help="End with 0 where there is none.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return only once its processes ended.")
@click.option("--force", is_flag=True, help="Forget a Workspace whose machines cannot be given back: they stay.")
@arguments.namespaced
@click.pass_obj
def delete(
    session: Session,
    workspaces: tuple[str, ...],
    files: tuple[str, ...],
    everything: bool,
    ignore_not_found: bool,
    wait: bool,
    force: bool,
    namespace: str | None,
) -> None:
    """Stop Workspaces and remove them. What was delivered to a directory or a registry stays.

    One whose machines could not be given back stays too, and the command ends with 1 and names them.
    """
    from llmwright.errors import TargetError

    chosen = list(_chosen(session, workspaces, files, everything, namespace))
    if not chosen and not everything:
        raise click.UsageError("name a Workspace, a file with -f, or --all")
    kept: list[TargetError] = []
    for place, name in chosen:
        try:
            session.target.delete(place, name, wait=wait, force=force, tell=note)
        except TargetError as error:
            if error.reason == "NotFound" and ignore_not_found:
                continue
            if error.reason != "NotReleased":
                raise
            kept.append(error)
        else:
            click.echo(f'workspace.kaito.sh "{name}" deleted')
    if kept:
        for other in kept[:-1]:
            note(f"error: {other.message}")
        raise kept[-1]


def _chosen(
    session: Session, names: tuple[str, ...], files: tuple[str, ...], everything: bool, namespace: str | None
) -> Iterator[tuple[str, str]]:
    for name in names:
        yield namespace or "default", name
    if files:
        from llmwright.app.documents import read_workspaces

        for loaded in read_workspaces(files, namespace):
            yield loaded.workspace.namespace, loaded.workspace.name
    if everything:
        yield from session.target.names(namespace or "default")
