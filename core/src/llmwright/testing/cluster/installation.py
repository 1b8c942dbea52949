"""A control plane on which LLMwright is installed: its CRD, the operator's account, and nodes that a test brings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from llmwright.api.crd import crd
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.targets.kubernetes.operator.rbac import NAME, manifests
from llmwright.testing.cluster.certificates import kubeconfig
from llmwright.testing.cluster.control_plane import ControlPlane, Object
from llmwright.testing.cluster.operator_process import SETTINGS, OperatorProcess, running
from llmwright.testing.cluster.programs import free_port
from llmwright.testing.cluster.waiting import wait_until

FAKE_NODE = ("kwok.x-k8s.io/node", "fake")
"""The annotation of nodes that KWOK makes Ready, and whose pods it makes Running."""
SIZE = {"cpu": "24", "memory": "220Gi", "nvidia.com/gpu": "1"}


class Cluster(ControlPlane):
    """A cluster for the tests of a plugin. All that is tested lies in the namespace ``default``."""

    def install(self) -> None:
        """Apply the CRD, and an account with the operator's rights and those that installed drivers declare."""
        self.apply(crd(), *rights())
        self.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
        self.restart_manager()

    def uninstall(self) -> None:
        """Take away what ``install`` applied. Workspaces are gone by then, and no operator runs."""
        items = {"apiVersion": "v1", "kind": "List", "items": [crd(), *rights()]}
        self.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", "-", stdin=json.dumps(items))

    def start_kwok(self) -> bool:
        """Start KWOK: nodes of ``add_node`` become Ready, their pods Running. Return whether it is there."""
        if not self.programs.has("kwok"):
            return False
        self.programs.start(
            "kwok", f"--kubeconfig={self.kubeconfig}", f"--config={self.programs.assets / 'kwok-stages.yaml'}",
            f"--manage-nodes-with-annotation-selector={'='.join(FAKE_NODE)}", "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{free_port()}",
        )  # fmt: skip
        return True

    @contextmanager
    def operator(
        self, settings: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
    ) -> Iterator[OperatorProcess]:
        """Run ``llmwright operator`` in this environment, so with the plugins that are installed in it.

        ``settings`` take the place of single ones of ``SETTINGS``; ``environ`` is added to its variables. An operator
        that wrote a traceback fails the test.
        """
        folder = Path(tempfile.mkdtemp(prefix="operator-", dir=self.folder))
        access = self.write_kubeconfig(folder / "kubeconfig")
        process = OperatorProcess(access, folder, {**SETTINGS, **(settings or {})}, environ=dict(environ or {}))
        with running(process):
            yield process

    def write_kubeconfig(self, path: Path, server: str | None = None) -> Path:
        """Write a kubeconfig of the operator's account, and return ``path``.

        ``server`` is asked instead of the API server where it is not None.
        """
        token = self.kubectl("create", "token", NAME, "--duration=2h").strip()
        ours = {"server": self.url, "certificate-authority": str(self.folder / "ca.crt")}
        path.write_text(kubeconfig(ours if server is None else {"server": server}, {"token": token}))
        return path

    def add_node(self, name: str, labels: Mapping[str, str], *, fake: bool = True, **resources: str) -> None:
        """Add a machine to the cluster: a node of that name with ``labels``.

        ``resources`` are more or other than ``SIZE``. Where it is ``fake``, KWOK makes it and its pods Ready; without
        KWOK it is Ready as it is, and pods on it stay Pending.
        """
        size = {**SIZE, "pods": "110", **resources}
        about = {"name": name, "labels": {"kubernetes.io/os": "linux", **labels}}
        status: Object = {"capacity": size, "allocatable": size}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": about, "status": status}
        if fake and "kwok" in self.programs.running:
            node["metadata"] = {**about, "annotations": dict([FAKE_NODE])}
        elif fake:
            status["conditions"] = [{"type": "Ready", "status": "True", "reason": "Test", "message": "it is Ready"}]
        self.kubectl("create", "-f", "-", stdin=json.dumps(node))
        if fake and "kwok" not in self.programs.running:
            # The API server taints each new node, and there may be no controller manager to take it off.
            self.kubectl("taint", "node", name, "node.kubernetes.io/not-ready-", check=False)

    def remove_node(self, name: str) -> None:
        """Take a machine away; nothing happens where it is gone."""
        self.kubectl("delete", "node", name, "--wait=false", "--ignore-not-found")

    def status(self, workspace: str) -> Object:
        """Return the status of a Workspace, empty where it has none."""
        found = self.fetch(f"/apis/kaito.sh/v1beta1/namespaces/default/workspaces/{workspace}") or {}
        status: Object = found.get("status") or {}
        return status

    def condition(self, workspace: str, kind: str) -> Object:
        """Return a condition of a Workspace, with empty texts where it is not set."""
        empty = {"status": "", "reason": "", "message": ""}
        return next((each for each in self.status(workspace).get("conditions") or [] if each["type"] == kind), empty)

    def until(
        self, workspace: str, kind: str, status: str = "True", reason: str | None = None, timeout_s: float = 60.0
    ) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: it is not so within ``timeout_s``; with the status as it is then.
        """

        def holds() -> bool:
            condition = self.condition(workspace, kind)
            return condition["status"] == status and reason in (None, condition["reason"])

        try:
            wait_until(holds, f"{workspace}: {kind}={status} {reason or ''}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {self.status(workspace)}") from error


def rights(*, webhook: bool = False) -> list[Object]:
    """Return the operator's account, with its rights and those that the installed drivers declare."""
    declared = DriverSet.of_registry(Registry()).access_rules()
    return manifests("default", NAME, declared, webhook=webhook)
