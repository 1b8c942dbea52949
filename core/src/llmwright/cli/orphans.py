"""``llmwright orphans``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option, note

if TYPE_CHECKING:
    from llmwright.targets.kubernetes.cluster.api_client import Api

FOUND = 1


@click.command(
    epilog="""\b
Examples:
  llmwright orphans
  llmwright orphans --context prod -n models
  llmwright orphans --target local
  llmwright orphans -o json

\b
Exit codes:
  0    nothing is left behind
  1    something is, or the cluster, or a provisioner of the settings, cannot be asked
"""
)
@click.option(
    "--target",
    type=click.Choice(["kubernetes", "local"]),
    default="kubernetes",
    show_default=True,
    help="Whose Workspaces count as there: the cluster's, or those of this machine.",
)
@click.option("-n", "--namespace", help="Leave out what is known to be of another namespace's Workspaces.")
@arguments.cluster
@format_option()
@click.pass_obj
def orphans(session: Session, target: str, namespace: str | None, output: str | None) -> int:
    """List what was bought for Workspaces that are gone; ends with 1 where there is such, or may be.

    Look before you give something back: a cloud also lists the machines of another cluster, or of another machine, that
    shares the account.
    """
    from llmwright.app.orphans import is_named
    from llmwright.app.orphans import orphans as find_orphans

    unasked: dict[str, str] = {}
    found = find_orphans(session, _cluster(session) if target == "kubernetes" else None, unasked.__setitem__)
    left = [(name, orphan) for name, orphan in found if not (namespace and orphan.namespace not in ("", namespace))]
    for name, why in unasked.items():
        note(f"{name}: {why}")
    code = FOUND if left or any(is_named(session, name) for name in unasked) else 0
    if output:
        fields = ("name", "namespace", "workspace")
        dump([{"provisioner": name, **{key: getattr(orphan, key) for key in fields}} for name, orphan in left], output)
        return code
    for provisioner, orphan in left:
        click.echo(f"{provisioner}  {orphan.name}")
    if not left:
        known = ", as far as could be asked" if unasked else ""
        note(f"nothing is left behind{known}")
    return code


def _cluster(session: Session) -> Api:
    from llmwright.targets.kubernetes.cluster.kubeconfig import connect
    from llmwright.targets.kubernetes.commands.access import Access

    api = connect(session.kubeconfig, session.context, session.written_place)
    # Waits for an API server that is away.
    Access(api, session.tell).ask(lambda each: each.version())
    return api
