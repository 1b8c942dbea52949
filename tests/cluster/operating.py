"""The operator as a process in a cluster with KWOK and Karpenter, with the rights of its own role and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.harness import FAKE_NODE
from tests.cluster.programs import free_port, wait_until

from modelwright.api.crd import crd
from modelwright.targets.kubernetes.operator.rights import NAME, cluster_role

Object = dict[str, Any]

SETTINGS = {"preflight": False, "provisioner": "byo", "allowPlaceholders": True}
INSTANCE_TYPE = "Standard_NC24ads_A100_v4"


NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}


def stray_claim(name: str) -> Object:
    """A NodeClaim for a Workspace that is not there."""
    labels = {"kaito.sh/workspace": "long-gone", "kaito.sh/workspacenamespace": "default"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "labels": {**labels, "karpenter.sh/nodepool": "kaito"}},
        "spec": {
            "nodeClassRef": NODE_CLASS,
            "requirements": [
                {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["Standard_NC4as_T4_v3"]},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
            ],
        },
    }


def install(plane: ControlPlane) -> None:
    """The CRD, and an account with the operator's rights."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": "default"}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": "default"}}
    plane.apply(crd(), cluster_role(), account, binding)
    plane.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")


def write_kubeconfig(plane: ControlPlane, path: Path, server: str | None = None) -> Path:
    """One for that account; ``server`` is asked instead of the API server where it is given."""
    token = plane.kubectl("create", "token", NAME, "--duration=2h").strip()
    cluster: Object = {"server": server or plane.url}
    if server is None:
        cluster["certificate-authority"] = str(plane.folder / "ca.crt")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    path.write_text(json.dumps(config))
    return path


@dataclass
class OperatorProcess:
    """``modelwright operator``; what it wrote to its log is shown when it does not do what it should."""

    kubeconfig: Path
    folder: Path
    settings: Object = field(default_factory=lambda: dict(SETTINGS))
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    health: int = 0
    metrics: int = 0

    @property
    def log(self) -> Path:
        """Everything it said, over all its lives."""
        return self.folder / "operator.log"

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "settings.yaml"
        settings.write_text(json.dumps(self.settings))
        self.health, self.metrics = free_port(), free_port()
        command = [sys.executable, "-m", "modelwright", "--settings", str(settings), "operator"]
        command += ["--kubeconfig", str(self.kubeconfig), "--log-format", "json", *self.arguments]
        command += ["--health-port", str(self.health), "--metrics-port", str(self.metrics)]
        with self.log.open("ab") as out:
            environ = {**os.environ, "OMP_NUM_THREADS": "1", **self.environ}
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environ)
        if wait:
            wait_until(lambda: self.answers(self.health, "/readyz") == "ok\n", f"ready: {self.log}")

    def answers(self, port: int, path: str) -> str:
        """What it answers to a GET; empty where it does not, or not with 200."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return ""

    def kill(self) -> None:
        """Without any warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def lines(self) -> list[Object]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def running(operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """Run it; afterwards nothing it said may have been a traceback."""
    operator.start()
    try:
        yield operator
    finally:
        if operator.process is not None and operator.process.poll() is None:
            operator.stop()
    broken = [line for line in operator.lines() if "traceback" in line]
    assert not broken, broken


@dataclass
class Workspaces:
    """Workspaces of one test, and what became of them."""

    plane: ControlPlane
    names: list[str] = field(default_factory=list)

    def inference(self, name: str, **resource: Any) -> Object:
        """One that serves a small public model on a node labelled ``ws: NAME``."""
        return self._workspace(name, resource, {"inference": {"preset": {"name": "phi-4-mini-instruct"}}})

    def tuning(self, name: str, **more: Any) -> Object:
        """One that tunes, and delivers into an image."""
        tuning = {
            "preset": {"name": "phi-3-mini-128k-instruct"},
            "method": "qlora",
            "input": {"urls": ["https://example.com/data.parquet"]},
            "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
        }
        return self._workspace(name, {}, {"tuning": {**tuning, **more}})

    def apply(self, *workspaces: Object) -> None:
        """Apply as a user does."""
        self.names += [one["metadata"]["name"] for one in workspaces]
        self.plane.apply(*workspaces)

    def get(self, name: str) -> Object:
        """One as it stands."""
        return self.one("workspace", name) or {}

    def one(self, kind: str, name: str) -> Object | None:
        """One object of the namespace ``default``, None where there is none."""
        text = self.plane.kubectl("get", kind, name, "-ojson", "--ignore-not-found")
        return json.loads(text) if text else None

    def condition(self, name: str, kind: str) -> tuple[str, str]:
        """Status and reason of a condition, empty where it is not set."""
        conditions = (self.get(name).get("status") or {}).get("conditions") or []
        found = next((one for one in conditions if one["type"] == kind), {"status": "", "reason": ""})
        return found["status"], found["reason"]

    def until(self, name: str, kind: str, status: str = "True", reason: str | None = None) -> None:
        """Wait for a condition."""

        def holds() -> bool:
            found = self.condition(name, kind)
            return found[0] == status and reason in (None, found[1])

        wait_until(holds, f"{name}: {kind}={status} {reason or ''}", patience_s=60.0)

    def node(self, name: str, workspace: str) -> None:
        """A machine with one GPU that KWOK makes Ready, labelled for a Workspace."""
        resources = {"cpu": "24", "memory": "220Gi", "pods": "110", "nvidia.com/gpu": "1"}
        labels = {"ws": workspace, "node.kubernetes.io/instance-type": INSTANCE_TYPE, "kubernetes.io/os": "linux"}
        key, _, value = FAKE_NODE.partition("=")
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {key: value}},
            "status": {"capacity": resources, "allocatable": resources},
        }
        self.plane.kubectl("create", "-f", "-", stdin=json.dumps(node))

    def gone(self, name: str) -> Callable[[], bool]:
        """Whether a Workspace and all its children are."""

        def check() -> bool:
            found = self.plane.get("workspace,statefulset,service,job,controllerrevision,pod", "-ndefault")
            return not any(one["metadata"]["name"].startswith(name) for one in found)

        return check

    def clear(self) -> None:
        """Delete all of them, and wait until they are gone."""
        self.plane.kubectl("delete", "workspace", "--ignore-not-found", "--timeout=60s", *self.names)
        # A pod whose node went before it hangs until the controller manager collects it, which can take over a minute.
        for name in self.names:
            wait_until(self.gone(name), f"nothing of {name} is left", patience_s=150.0)
        self.plane.kubectl("delete", "node", "-l", "ws", "--ignore-not-found", "--wait=false")

    def _workspace(self, name: str, resource: Object, purpose: Object) -> Object:
        selector = {"matchLabels": {"ws": name}}
        return {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": name, "namespace": "default"},
            "resource": {"instanceType": INSTANCE_TYPE, "labelSelector": selector, **resource},
            **purpose,
        }
