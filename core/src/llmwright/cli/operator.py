"""``llmwright operator``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments

if TYPE_CHECKING:
    from llmwright.targets.kubernetes.operator.process.operator_log import Format


@click.command(
    epilog="""\b
Examples:
  llmwright crd | kubectl apply --server-side -f -
  llmwright operator --kubeconfig ~/.kube/config --log-format json
"""
)
@arguments.cluster
@click.option(
    "--bind",
    help="The address of metrics, health and the webhook; by default 127.0.0.1, and in a pod 0.0.0.0. For IPv6: `::`.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for none.")
@click.option("--health-port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 for none.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of each line of the log.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=None,
    help="Work only while this process holds the Lease; by default as the setting leaderElect says, which is on.",
)
@click.option("--lease-namespace", help="Where the Lease lies; by default this pod's namespace, or the kubeconfig's.")
@click.pass_context
def operator(
    ctx: click.Context,
    bind: str | None,
    metrics_port: int,
    health_port: int,
    log_format: Format,
    leader_elect: bool | None,
    lease_namespace: str | None,
) -> int:
    """Carry out the Workspaces of a cluster, until it is stopped.

    Of several operators one works: the one that holds the Lease. --no-leader-elect is for a cluster of your own, where
    no other runs.
    """
    session: Session = ctx.obj
    from llmwright.app.operator import OperatorProcess
    from llmwright.app.operator_settings import check_settings
    from llmwright.cli.root import VERBOSE
    from llmwright.targets.kubernetes.cluster.kubeconfig import connect, in_cluster, own_namespace
    from llmwright.targets.kubernetes.operator.process.operator_log import log_to_stderr

    log_to_stderr(log_format, verbose=ctx.meta[VERBOSE])
    check_settings(session)
    process = OperatorProcess(session, connect(session.kubeconfig, session.context))
    process.serve(bind or ("0.0.0.0" if in_cluster() else "127.0.0.1"), metrics_port, health_port)  # noqa: S104
    elects = session.settings.leader_elect if leader_elect is None else leader_elect
    return process.run(lease_namespace or own_namespace(session.kubeconfig, session.context) if elects else None)
