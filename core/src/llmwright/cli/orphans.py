"""``llmwright orphans``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments

FOUND = 1


@click.command(epilog="\b\nExamples:\n  llmwright orphans\n  llmwright orphans --kubeconfig ~/.kube/config\n")
@arguments.kubeconfig
@click.pass_obj
def orphans(session: Session, kubeconfig: str | None) -> int:
    """List what was bought on a cluster for Workspaces that are gone; ends with 1 where there is such."""
    from llmwright.app.orphans import orphans as find_orphans
    from llmwright.targets.kubernetes.cluster.api_client import connect

    left = list(find_orphans(session, connect(kubeconfig), lambda line: click.echo(line, err=True)))
    for provisioner, orphan in left:
        click.echo(f"{provisioner}  {orphan.name}")
    if not left:
        click.echo("nothing is left behind", err=True)
    return FOUND if left else 0
