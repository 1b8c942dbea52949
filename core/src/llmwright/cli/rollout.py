"""``llmwright rollout``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.selection import selected_keys, shown
from llmwright.cli.show.output import dump, format_option, note, note_repairs
from llmwright.cli.show.target import note_place

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.targets.kubernetes.commands.wish_revisions import WishRevision


class Rollout(click.Group):
    """A group in which the name of a Workspace stands for `update NAME`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with ``update`` put before what is no command."""
        from llmwright.cli.root import behind_the_verb

        args = behind_the_verb(args)
        words = [word for word in args if not word.startswith("-")]
        if words and words[0] not in self.commands:
            args = ["update", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Rollout,
    epilog="""\b
Examples:
  llmwright rollout my-workspace              # the same as `rollout update my-workspace`
  llmwright rollout status my-workspace
  llmwright rollout restart -l team=search
  llmwright rollout undo my-workspace --context prod -n models
""",
)
def rollout() -> None:
    """Move Workspaces to the plan that would be made for them today, or back.

    A plan is decided once per change: a new version, price or preset moves nothing by itself and shows as the condition
    UpdateAvailable until it is rolled out.
    """


@rollout.command(epilog="\b\nExamples:\n  llmwright rollout update my-workspace\n")
@click.argument("workspaces", nargs=-1)
@arguments.config_dir
@arguments.selected
@arguments.placed
@click.pass_obj
def update(
    session: Session,
    workspaces: tuple[str, ...],
    config_dir: str | None,
    selector: str,
    all_namespaces: bool,
    namespace: str | None,
) -> None:
    """Move Workspaces to the plan of today; one without UpdateAvailable stays.

    On a cluster, nodes that could not be had are tried for at once, without the pause after a failure.
    """
    from llmwright.app.rollouts import move

    note_repairs(session.target.repair())
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces, changes=True)
    note_place(session)
    for key in keys:
        click.echo(f"{shown(key, everywhere=all_namespaces)} {move(session, *key, config_dir)}")


@rollout.command(epilog="\b\nExamples:\n  llmwright rollout status my-workspace --timeout=10m\n")
@click.argument("workspace")
@click.option("-w", "--watch/--no-watch", default=True, show_default=True, help="Wait until it is carried out.")
@click.option("--timeout", type=arguments.span, metavar="SPAN", help="Wait no longer, such as 10m.")
@arguments.placed
@click.pass_obj
def status(session: Session, workspace: str, watch: bool, timeout: float | None, namespace: str | None) -> None:
    """Wait until the latest change is carried out; ends with 1 where it cannot be."""
    from llmwright.lifecycle.waiting import raise_if_stalled

    note_repairs(session.target.repair())
    where = namespace or session.target.namespace
    now = session.target.get(where, workspace)
    told = ""
    for each in session.target.watch(where, workspace, timeout) if watch else [now]:
        told, before = _stands(each.status), told
        if not told:
            click.echo(f'workspace.kaito.sh "{workspace}" successfully rolled out')
            _note_update(each.status)
            return
        if told != before:
            click.echo(f"waiting: {told}")
        if each.status is not None:
            raise_if_stalled(each.status, f"{where}/{workspace}: ")


def _note_update(status: WorkspaceStatus | None) -> None:
    newer = status.condition("UpdateAvailable") if status is not None else None
    if newer is not None and newer.status == "True":
        note(f"note: {newer.message}")


def _stands(status: WorkspaceStatus | None) -> str:
    """Return what the latest change waits for; empty where it is carried out."""
    ready = status.condition("Ready") if status is not None else None
    reconciling = status.condition("Reconciling") if status is not None else None
    if ready is None:
        return "it was not looked at yet"
    if ready.status != "True":
        return f"{ready.reason}: {ready.message}"
    if reconciling is not None and reconciling.status == "True":
        return f"{reconciling.reason}: {reconciling.message}"
    return ""


@rollout.command(
    epilog="""\b
Examples:
  llmwright rollout history my-workspace --revision 2
  llmwright rollout history my-workspace -o json
"""
)
@click.argument("workspace")
@click.option("--revision", type=click.IntRange(1), help="Print all that this revision asks for.")
@format_option()
@arguments.placed
@click.pass_obj
def history(session: Session, workspace: str, revision: int | None, output: str | None, namespace: str | None) -> None:
    """List what was asked for each time, with the fields that changed. The ten latest are kept, on a cluster."""
    from llmwright.app.rollouts import history as revisions_of
    from llmwright.cli.show.output import table
    from llmwright.errors import TargetError

    found = revisions_of(session, namespace or session.target.namespace, workspace)
    if revision is not None:
        chosen = next((each for each in found if each.number == revision), None)
        if chosen is None:
            raise TargetError(f"{workspace} has no revision {revision}", reason="NotFound")
        _print_wish(chosen, output)
        return
    if output:
        dump(found, output)
        return
    rows = [
        (str(each.number), each.made_at, "*" if each.present else "", ", ".join(each.changed) or "<first>")
        for each in found
    ]
    table(("revision", "made", "now", "changed"), rows)


def _print_wish(revision: WishRevision, output: str | None) -> None:
    from llmwright.api.document import to_yaml

    if output:
        dump(dict(revision.wish), output)
    else:
        click.echo(to_yaml(dict(revision.wish)), nl=False)


@rollout.command(epilog="\b\nExamples:\n  llmwright rollout restart my-workspace\n")
@click.argument("workspaces", nargs=-1)
@arguments.selected
@arguments.placed
@click.pass_obj
def restart(
    session: Session, workspaces: tuple[str, ...], selector: str, all_namespaces: bool, namespace: str | None
) -> None:
    """Start anew what serves, by the same plan; on a cluster one pod after the other."""
    keys = selected_keys(session, workspaces, namespace, selector, everywhere=all_namespaces, changes=True)
    note_place(session)
    for key in keys:
        session.target.restart(*key)
        click.echo(f"{shown(key, everywhere=all_namespaces)} restarted")


@rollout.command(epilog="\b\nExamples:\n  llmwright rollout undo my-workspace --to-revision 2\n")
@click.argument("workspace")
@click.option("--to-revision", type=click.IntRange(1), help="By default the latest that is not the present one.")
@arguments.placed
@click.pass_obj
def undo(session: Session, workspace: str, to_revision: int | None, namespace: str | None) -> None:
    """Have a Workspace ask again for what it asked for before; refused where that cannot be had any more."""
    from llmwright.app.rollouts import undo as take_back

    note_place(session)
    where = namespace or session.target.namespace
    change, number = take_back(session, where, workspace, to_revision)
    click.echo(f"workspace.kaito.sh/{workspace} {'rolled back' if change == 'configured' else change}")
    note(f"it asks for what revision {number} asked for; a later `apply` of its YAML asks for something else again")
