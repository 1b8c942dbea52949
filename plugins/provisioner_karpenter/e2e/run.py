"""One Workspace on a real EKS cluster with Karpenter: applied, served, asked, deleted, and no machine left over.

``make e2e-eks ARGS='--workspace workspace.yaml --yes'`` runs it, for somebody with an account: the operator runs in
that cluster, ``kubectl`` reaches it, and Karpenter makes its machines. It costs what one machine costs for as long as
it is held. Nothing of it is AWS's own, so any cluster with Karpenter will do.
"""

from __future__ import annotations

import argparse
import json
import sys

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

OWNERS = ("kaito.sh/workspace", "kaito.sh/workspacenamespace")
"""Labels of a NodeClaim, and of its node: the Workspace that it was made for."""


def machines(kind: str, name: str, namespace: str) -> list[str]:
    """Return the NodeClaims or the nodes of a Workspace."""
    chosen = ",".join(f"{label}={value}" for label, value in zip(OWNERS, (name, namespace), strict=True))
    items = json.loads(command("kubectl", "get", kind, "-ojson", "-l", chosen))["items"]
    return [str(item["metadata"]["name"]) for item in items]


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Carry out the steps. Whatever fails, the Workspace is deleted."""
    with report.step("read the Workspace") as step:
        metadata = read(arguments.workspace).get("metadata") or {}
        if not metadata.get("name"):
            raise ValueError(f"{arguments.workspace}: metadata.name is missing")
        name, namespace = metadata["name"], metadata.get("namespace", "default")
        step.seen = f"{namespace}/{name}"
    with report.step("no machine of that Workspace is there") as step:
        step.seen = machines("nodeclaims.karpenter.sh", name, namespace)
        if step.seen:
            raise RuntimeError(f"{step.seen} are left of an earlier run")
    try:
        with report.step("apply"):
            command("kubectl", "apply", "-f", arguments.workspace)
        with report.step("serve"):
            until(lambda: serves(name, namespace), "ready", READY_S, LOOK_S)
        with report.step("machine") as step:
            step.seen = machines("nodeclaims.karpenter.sh", name, namespace)
            if not step.seen:
                raise RuntimeError("no NodeClaim was made for it")
        if not arguments.no_ask:
            with report.step("ask") as step:
                step.seen = models(f"/api/v1/namespaces/{namespace}/services/{name}:80/proxy/v1/models")
    finally:
        with report.step("delete"):
            command("kubectl", "delete", "workspace", name, "-n", namespace, "--ignore-not-found", "--timeout=30m")
        with report.step("nothing is left over") as step:

            def left() -> list[str]:
                return [
                    each for kind in ("nodeclaims.karpenter.sh", "nodes") for each in machines(kind, name, namespace)
                ]

            until(lambda: not left(), "without a machine", GONE_S, LOOK_S)
            step.seen = left()


def main() -> int:
    """Run it from the command line; 0 where every step passed."""
    return carry_out(options(__doc__, provisioner="karpenter", report="e2e-eks.json"), run, "account")


if __name__ == "__main__":
    sys.exit(main())
