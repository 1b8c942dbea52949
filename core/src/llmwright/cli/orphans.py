"""``llmwright orphans``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments

FOUND = 1


@click.command(
    epilog="""\b
Examples:
  llmwright orphans
  llmwright orphans --kubeconfig ~/.kube/config
  llmwright orphans --target local
"""
)
@arguments.kubeconfig
@click.option(
    "--target",
    type=click.Choice(["kubernetes", "local"]),
    default="kubernetes",
    show_default=True,
    help="Whose Workspaces count as there: the cluster's, or those of this machine.",
)
@click.pass_obj
def orphans(session: Session, kubeconfig: str | None, target: str) -> int:
    """List what was bought for Workspaces that are gone; ends with 1 where there is such.

    Look before you give something back: a cloud also lists the machines of another cluster, or of another machine, that
    shares the account.
    """
    from llmwright.app.orphans import orphans as find_orphans

    api = None
    if target == "kubernetes":
        from llmwright.targets.kubernetes.cluster.kubeconfig import connect
        from llmwright.targets.kubernetes.commands.access import Access

        api = connect(kubeconfig)
        # Waits for an API server that is away.
        Access(api, session.tell).ask(lambda each: each.version())
    unasked: list[str] = []
    left = list(find_orphans(session, api, unasked.append))
    for line in unasked:
        click.echo(line, err=True)
    for provisioner, orphan in left:
        click.echo(f"{provisioner}  {orphan.name}")
    if not left:
        known = ", as far as could be asked" if unasked else ""
        click.echo(f"nothing is left behind{known}", err=True)
    return FOUND if left else 0
