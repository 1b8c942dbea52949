"""The chart's release on a real node, with the images of this checkout, and what a user does with it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cluster.support.node_keeper import ADDRESS
from tests.cluster.support.real_node import RealNode
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

Object = dict[str, Any]

RELEASE, SYSTEM = "llmwright", "llmwright-system"
STRICT = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Labels of a namespace that admits pods of this standard alone."""
CHART = ROOT / "deploy/chart"
CA = {"name": "company-ca", "mountPath": "/etc/company-ca", "readOnly": True}
TRUST = {"name": "*", "env": [{"name": "SSL_CERT_FILE", "value": "/etc/company-ca/ca.crt"}], "volumeMounts": [CA]}
PODS = {
    "spec": {
        "volumes": [{"name": "company-ca", "configMap": {"name": "company-ca"}}],
        "containers": [TRUST],
        "initContainers": [TRUST],
    }
}
"""Every pod trusts the company's registry."""
USER = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
NO_RIGHTS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
ROOM = """\
for place in / /usr /opt /etc /var /home /tmp "$HOME"; do
  touch $place/probe 2>/dev/null && echo $place && rm $place/probe
done; true"""
RIGHTS = "id -u; id -g; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status"
NO_RIGHTS_LEFT = "65532 65532 CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2"
"""User and group of the images, no capability, no way to more, and a filter of system calls."""


class Installation:
    """The release. ``chart`` are values in place of those that it is installed with."""

    def __init__(self, node: RealNode, folder: Path, images: dict[str, str], label: str) -> None:
        """Workspaces are for nodes whose label ``apps`` is ``label``."""
        self.node, self.plane, self.folder, self.images, self.label = node, node.plane, folder, images, label
        self.environ = {**os.environ, "KUBECONFIG": str(node.plane.kubeconfig)}
        self.chart: Object = {}

    def values(self, **settings: Any) -> Path:
        """Write the values of the release."""
        repository, _, tag = self.images["operator"].rpartition(":")
        values = {
            "image": {"repository": repository, "tag": tag},
            "imagePullSecrets": [{"name": "registry"}],
            "images": {"workload": self.images["workload"]},
            "workloads": {"imagePullSecrets": [{"name": "registry"}]},
            "provisioner": {"name": "byo"},
            "replicas": 1,
            "podDisruptionBudget": {"enabled": False},
            "settings": {"sources": {"allow": [ADDRESS]}, "pods": PODS, **settings},
            **self.chart,
        }
        path = self.folder / "values.yaml"
        path.write_text(json.dumps(values))
        return path

    def helm(self, *arguments: str) -> str:
        """The answer of ``helm``, with its warnings."""
        helm = str(self.plane.programs.assets / "helm")
        done = subprocess.run([helm, *arguments, "-n", SYSTEM], capture_output=True, text=True, env=self.environ)
        assert done.returncode == 0, f"helm {arguments[0]}: {done.stderr}\n{self.operators_log()}"
        return done.stdout + done.stderr

    def prepare(self) -> None:
        """Make what the release needs: careful namespaces, logins for the registry, and the company's certificate."""
        self.plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM, "labels": STRICT}})
        authority = {"ca.crt": self.node.registry.authority.read_text()}
        for namespace in (SYSTEM, "default"):
            self.node.pull_secret(namespace)
            about = {"name": "company-ca", "namespace": namespace}
            self.plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": authority})
        self.plane.kubectl("label", "namespace", "default", "--overwrite", *map("=".join, STRICT.items()))

    def install(self) -> None:
        """As the installation guide has it."""
        self.helm("install", RELEASE, str(CHART), "--wait", "--timeout", "10m", "-f", str(self.values()))
        self.plane.restart_manager()

    def upgrade(self, *arguments: str, **settings: Any) -> None:
        """Upgrade to other values."""
        self.helm("upgrade", RELEASE, str(CHART), "-f", str(self.values(**settings)), *arguments)

    def apply(self, name: str, part: Object) -> None:
        """Apply a Workspace for the node."""
        resource = {"labelSelector": {"matchLabels": {"apps": self.label}}}
        about = {"name": name, "namespace": "default"}
        kind = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace"}
        self.plane.apply({**kind, "metadata": about, "resource": resource, **part})

    def until(self, name: str, condition: str, minutes: float = 10) -> None:
        """Wait for a condition; a failure shows the status, the pods and the operator's log."""
        try:
            self.plane.until(name, condition, timeout_s=60 * minutes)
        except AssertionError as error:
            pods = self.plane.kubectl("get", "pods", "-A", "-o", "wide", check=False)
            events = self.plane.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False)
            raise AssertionError(f"{error}\n{pods}\n{events[-3000:]}\n{self.operators_log()}") from error

    def operators_log(self) -> str:
        """Its end."""
        where = ("-n", SYSTEM, "deployment/llmwright-operator")
        return self.plane.kubectl("logs", *where, "--tail=20", check=False)[-4000:]

    def operators(self) -> set[str]:
        """The uids of the operator's pods."""
        return {pod["metadata"]["uid"] for pod in self.plane.get("pods", "-n", SYSTEM)}

    def pods(self) -> dict[str, tuple[str, int]]:
        """The pods of Workspaces: uid and restarts by name."""
        found = {}
        for pod in self.plane.get("pods", "-lkaito.sh/workspace"):
            statuses = pod["status"].get("containerStatuses") or []
            found[pod["metadata"]["name"]] = (pod["metadata"]["uid"], sum(one["restartCount"] for one in statuses))
        return found

    def llmwright(self, *arguments: str, **environ: str) -> str:
        """The answer of our own command line, on the cluster; ``environ`` are further variables."""
        command = [sys.executable, "-m", "llmwright", *arguments]
        known = {**self.environ, **environ}
        done = subprocess.run(command, capture_output=True, text=True, env=known, check=False)
        assert done.returncode == 0, f"llmwright {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def ask(self, service: str, question: str) -> str:
        """What a Service answers a pod that asks its model with ``curl``, as the quick start has it."""
        body = json.dumps({"prompt": question})
        asked = ("curl", "-sS", "--fail-with-body", f"http://{service}/chat", "-d", body)
        return self.run_pod(self.node.import_curl(), *asked)

    def run_pod(self, image: str, *command: str) -> str:
        """What a careful pod prints until it ends."""
        container = {"name": "main", "image": image, "command": [*command], "securityContext": NO_RIGHTS}
        pod = {"restartPolicy": "Never", "securityContext": USER, "containers": [container]}
        about = {"name": "asking", "namespace": "default"}
        self.plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": pod})
        path = "/api/v1/namespaces/default/pods/asking"
        ended = ("Succeeded", "Failed")
        try:
            wait_until(lambda: (self.plane.fetch(path) or {})["status"].get("phase") in ended, "the pod ends", 180)
            return self.plane.kubectl("logs", "asking")
        finally:
            self.plane.kubectl("delete", "pod", "asking", "--grace-period=1")

    def shell(self, pod: str, script: str, *where: str) -> str:
        """What a script prints in a running pod."""
        return self.plane.kubectl("exec", pod, *where, "--", "sh", "-c", script)

    def rights(self, pod: str, *where: str) -> str:
        """The user, the group, and what the kernel lets a process of the pod do."""
        return " ".join(self.shell(pod, RIGHTS, *where).split())

    def room(self, pod: str, *where: str) -> set[str]:
        """The places of a running pod where a file can be made."""
        return set(self.shell(pod, ROOM, *where).split())

    def serve(self, *names: str) -> None:
        """Serve the demo model under each of the names."""
        for name in names:
            self.apply(name, {"inference": {"preset": {"name": "demo"}}})
        for name in names:
            self.until(name, "Ready")

    def remove(self) -> None:
        """Take everything away, with the definition of Workspaces."""
        self.plane.kubectl("delete", "workspaces", "--all", "--timeout=120s")
        self.helm("uninstall", RELEASE, "--wait", "--timeout", "2m")
        self.plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--timeout=60s")
        self.plane.kubectl("label", "namespace", "default", *(f"{label}-" for label in STRICT))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address where pods read the files of ``folder``."""
    server = ThreadingHTTPServer((ADDRESS, 0), partial(_Quiet, directory=str(folder)))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://{ADDRESS}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def installed_for(label: str, node: RealNode, images: dict[str, str], folder: Path) -> Iterator[Installation]:
    """Yield the release, whose Workspaces are for ``node`` by its label ``apps``: a machine without GPUs."""
    node.label({"apps": label, "nvidia.com/gpu.present": "false"})
    found = Installation(node, folder, images, label)
    found.prepare()
    found.install()
    yield found
    found.remove()
