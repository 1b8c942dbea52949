"""``llmwright delete``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import Key
from llmwright.cli.show.output import note
from llmwright.cli.show.target import note_place, note_release
from llmwright.errors import TargetError


@click.command(
    epilog="""\b
Examples:
  llmwright delete my-workspace
  llmwright delete -f workspace.yaml
  llmwright delete --all
  llmwright delete -l team=search --target kubernetes --interactive
"""
)
@click.argument("workspaces", nargs=-1)
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="Delete the Workspaces of this file.")
@click.option("--all", "everything", is_flag=True, help="Delete all of the namespace, with -A of all namespaces.")
@click.option("--ignore-not-found", is_flag=True, help="End with 0 where there is none.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return only once it has ended.")
@click.option("-i", "--interactive", is_flag=True, help="Ask before anything is deleted.")
@arguments.selected
@click.option("--force", is_flag=True, help="Forget a Workspace whose machines cannot be given back: they stay.")
@arguments.placed
@click.pass_obj
def delete(
    session: Session,
    workspaces: tuple[str, ...],
    files: tuple[str, ...],
    everything: bool,
    ignore_not_found: bool,
    wait: bool,
    interactive: bool,
    selector: str,
    all_namespaces: bool,
    force: bool,
    namespace: str | None,
) -> None:
    """Stop Workspaces and remove them. What was delivered to a directory or a registry stays.

    The nodes that are given back, and what they cost, are named first. A Workspace whose machines could not be given
    back stays, and the command ends with 1 and names them.
    """
    if all_namespaces and not (everything or selector):
        raise click.UsageError("-A chooses none by itself: add labels with -l, or --all")
    chosen = [*_named(session, workspaces, files, namespace)]
    if everything or selector:
        where = None if all_namespaces else namespace or session.target.namespace
        chosen += session.target.names(where, selector)
    elif not chosen:
        raise click.UsageError("name a Workspace, a file with -f, labels with -l, or --all")
    # Once each: a name may also be in a file, or have the labels.
    chosen = [*dict.fromkeys(chosen)]
    note_place(session)
    for key in chosen:
        note_release(session, *key, left=force)
    if interactive and chosen:
        click.confirm(f"delete {len(chosen)} Workspace{'s' * (len(chosen) > 1)}?", abort=True, err=True)
    kept = _delete_all(session, chosen, ignore_not_found, everywhere=all_namespaces, wait=wait, force=force)
    for other in kept[:-1]:
        note(f"error: {other.message}")
    if kept:
        raise kept[-1]


def _delete_all(
    session: Session, chosen: list[Key], ignore_not_found: bool, *, everywhere: bool, wait: bool, force: bool
) -> list[TargetError]:
    """Delete them one after the other; return the errors of those that cannot give their machines back."""
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
            of = f" of {place}" if everywhere else ""
            click.echo(f'workspace.kaito.sh "{name}"{of} deleted')
    return kept


def _named(session: Session, names: tuple[str, ...], files: tuple[str, ...], namespace: str | None) -> Iterator[Key]:
    where = namespace or session.target.namespace
    for name in names:
        yield where, name
    if files:
        from llmwright.app.documents import read_workspaces

        for loaded in read_workspaces(files, namespace):
            yield loaded.workspace.metadata.namespace or where, loaded.workspace.name
