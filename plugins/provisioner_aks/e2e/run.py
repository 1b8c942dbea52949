"""One Workspace on a real AKS cluster: applied, served, asked, deleted, and nothing left over; with a report.

``make e2e-aks ARGS='--settings settings.yaml --workspace workspace.yaml --yes'`` runs it, for somebody with a
subscription: the operator runs in that cluster, ``kubectl`` reaches it, and ``az login`` or a managed identity may list
its agent pools. It costs what one machine costs for as long as it is held.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from tests.support.cloud_run import (
    GONE_S,
    LOOK_S,
    READY_S,
    Report,
    carry_out,
    command,
    models,
    options,
    read,
    serves,
    until,
)

from llmwright.plugins.configuration import validate_settings
from llmwright.settings import load
from llmwright_provisioner_aks.cloud.azure import Azure
from llmwright_provisioner_aks.driver import AksProvisioner

LIST_S = 20.0
"""Seconds between two lists of Azure's."""


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Carry out the steps. Whatever fails, the Workspace is deleted."""
    with report.step("read settings and Workspace") as step:
        settings, workspace = load(file=arguments.settings), read(arguments.workspace)
        written = settings.plugins.provisioner.get("aks", {})
        aks = validate_settings("plugins.provisioner.aks", AksProvisioner, written)
        metadata = workspace.get("metadata") or {}
        if not metadata.get("name"):
            raise ValueError(f"{arguments.workspace}: metadata.name is missing")
        name, namespace = metadata["name"], metadata.get("namespace", "default")
        step.seen = f"{namespace}/{name}"

    def pools() -> list[str]:
        # A new one each time: its list is asked for at once.
        seen = Azure(aks, lambda: datetime.now(UTC)).refresh()
        return [pool.name for pool in seen.pools if pool.owner == (namespace, name)]

    with report.step("no pool of that Workspace is there") as step:
        step.seen = pools()
        if step.seen:
            raise RuntimeError(f"{step.seen} are left of an earlier run")
    try:
        with report.step("apply"):
            command("kubectl", "apply", "-f", arguments.workspace)
        with report.step("serve"):
            until(lambda: serves(name, namespace), "ready", READY_S, LOOK_S)
        with report.step("pool") as step:
            step.seen = pools()
            if len(step.seen) != 1:
                raise RuntimeError(f"{step.seen} in place of one pool")
        if not arguments.no_ask:
            with report.step("ask") as step:
                step.seen = models(f"/api/v1/namespaces/{namespace}/services/{name}:80/proxy/v1/models")
    finally:
        with report.step("delete"):
            command("kubectl", "delete", "workspace", name, "-n", namespace, "--ignore-not-found", "--timeout=30m")
        with report.step("nothing is left over") as step:
            until(lambda: not pools(), "without a pool", GONE_S, LIST_S)
            step.seen = command(sys.executable, "-m", "llmwright", "--settings", arguments.settings, "orphans")


def main() -> int:
    """Run it from the command line; 0 where every step passed."""
    parser = options(__doc__, provisioner="aks", report="e2e-aks.json")
    parser.add_argument("--settings", required=True, help="the operator's settings")
    return carry_out(parser, run, "subscription")


if __name__ == "__main__":
    sys.exit(main())
