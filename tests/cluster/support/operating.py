"""Settings of the operator under test, and which operator runs now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmwright.testing import cluster
from llmwright.testing.cluster import Cluster, OperatorProcess

Object = dict[str, Any]

LEVEL = "pod-security.kubernetes.io/enforce"
"""The label of a namespace by which it admits pods of one of Kubernetes' standards alone."""

SETTINGS = {**cluster.SETTINGS, "provisioner": "byo"}
"""Settings of an operator whose nodes are brought."""
NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
BUYING = {
    **SETTINGS,
    "provisioner": "karpenter",
    "plugins": {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS}}},
}
"""Settings of an operator that has Karpenter make its nodes."""


@dataclass
class Shift:
    """At most one operator at a time: the one that ran last stays for whoever wants the same."""

    plane: Cluster
    folder: Path
    current: OperatorProcess | None = None
    started: int = 0

    def on(self, settings: Object, environ: dict[str, str]) -> OperatorProcess:
        """A running operator with these settings and variables."""
        found = self.current
        if found is None or not found.runs or (found.settings, found.environ) != (settings, environ):
            self.off()
            self.started += 1
            folder = self.folder / f"operator-{self.started}"
            folder.mkdir()
            kubeconfig = self.plane.write_kubeconfig(folder / "kubeconfig")
            self.current = found = OperatorProcess(kubeconfig, folder, dict(settings), environ=dict(environ))
            found.start()
        return found

    def off(self) -> None:
        """None runs any more."""
        if self.current is not None:
            self.current.end()
        self.current = None
