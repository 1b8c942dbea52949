"""The operator as a process in a cluster with KWOK and Karpenter, with the rights of its own role and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.support.control_plane import ControlPlane
from tests.support.programs import free_port
from tests.support.waiting import wait_until

from llmwright.api.crd import crd
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.targets.kubernetes.operator.rbac import NAME, cluster_role

Object = dict[str, Any]

SETTINGS = {"preflight": False, "provisioner": "byo", "allowPlaceholders": True}
NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
BUYING = {
    **SETTINGS,
    "provisioner": "karpenter",
    "plugins": {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS}}},
}
"""Settings of an operator that has Karpenter make its nodes."""


def role(*, webhook: bool = False) -> Object:
    """The operator's ClusterRole, with what the installed drivers declare."""
    declared = DriverSet.of_registry(Registry()).access_rules()
    return cluster_role(declared, webhook=webhook)


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
    plane.apply(crd(), role(), account, binding)
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
    """``llmwright operator``; what it wrote to its log is shown when it does not do what it should."""

    kubeconfig: Path
    folder: Path
    settings: Object = field(default_factory=lambda: dict(SETTINGS))
    arguments: tuple[str, ...] = ()
    elects: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = (sys.executable,)
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
        command = [*self.python, "-m", "llmwright", "--settings", str(settings), "operator"]
        command += ["--kubeconfig", str(self.kubeconfig), "--log-format", "json"]
        # Else the next operator waits for the Lease of one that a test killed.
        command += [*([] if self.elects else ["--no-leader-elect"]), *self.arguments]
        command += ["--health-port", str(self.health), "--metrics-port", str(self.metrics)]
        with self.log.open("ab") as out:
            environ = {**os.environ, "OMP_NUM_THREADS": "1", **self.environ}
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environ)
        if wait:
            wait_until(lambda: self.answers(self.health, "/readyz") == "ok\n", f"ready: {self.log}")

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

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

    def end(self) -> None:
        """Stop it where it runs; nothing it said may have been a traceback."""
        if self.runs:
            self.stop()
        broken = [line for line in self.lines() if "traceback" in line]
        assert not broken, broken


@contextmanager
def running(operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """Run it, and see that it ends well."""
    operator.start()
    try:
        yield operator
    finally:
        if operator.runs:
            operator.stop()
    operator.end()


@dataclass
class Shift:
    """At most one operator at a time: the one that ran last stays for whoever wants the same."""

    plane: ControlPlane
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
            kubeconfig = write_kubeconfig(self.plane, folder / "kubeconfig")
            self.current = found = OperatorProcess(kubeconfig, folder, dict(settings), environ=dict(environ))
            found.start()
        return found

    def off(self) -> None:
        """None runs any more."""
        if self.current is not None:
            self.current.end()
        self.current = None
