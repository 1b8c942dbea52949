"""``llmwright orphans``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session

if TYPE_CHECKING:
    from llmwright.targets.kubernetes.cluster.api_client import Api

FOUND = 1


@click.command(epilog="\b\nExamples:\n  llmwright orphans\n  llmwright orphans --kubeconfig ~/.kube/config\n")
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="The cluster; in a pod its own, else KUBECONFIG's.")
@click.pass_obj
def orphans(session: Session, kubeconfig: str | None) -> int:
    """List what was bought on a cluster for Workspaces that are gone; ends with 1 where there is such."""
    from llmwright.targets.kubernetes.cluster.api_client import connect

    left = list(_orphans(session, connect(kubeconfig)))
    for provisioner, name in left:
        click.echo(f"{provisioner}  {name}")
    if not left:
        click.echo("nothing is left behind", err=True)
    return FOUND if left else 0


def _orphans(session: Session, api: Api) -> Iterator[tuple[str, str]]:
    """Provisioner and name of each; a provisioner that cannot be loaded costs one line."""
    from llmwright.errors import PluginError

    for name in session.registry.names("provisioner"):
        try:
            driver = session.drivers.provisioner(name, api)
        except PluginError as error:
            click.echo(f"{name}: {error.message}", err=True)
            continue
        if "kubernetes" in driver.targets:
            yield from ((name, orphan) for orphan in driver.orphans())
