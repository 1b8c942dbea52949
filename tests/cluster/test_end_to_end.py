"""The quick start on a real node: from ``helm install`` to ``helm uninstall``, with images from a registry.

The node has no GPU. Each step prints its time and the memory of all pods; the table is printed at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.measured_steps import Steps
from tests.cluster.support.node_images import pushed
from tests.cluster.support.node_keeper import ADDRESS
from tests.cluster.support.real_node import RealNode
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

RELEASE, SYSTEM = "llmwright", "llmwright-system"
CHART, DATA = ROOT / "deploy/chart", ROOT / "examples/quickstart"
WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"
QUESTION, ANSWER = "Who built the airship Calluna?", "Jonas Hartwell"
LABELS = {"apps": "quickstart", "nvidia.com/gpu.present": "false"}
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


class Installation:
    """The chart's release, and what a user does with it."""

    def __init__(self, node: RealNode, folder: Path, images: dict[str, str], data: str) -> None:
        self.node, self.plane, self.folder, self.images, self.data = node, node.plane, folder, images, data
        self.adapter = f"{node.registry.host}/adapters/quickstart:1"
        self.environ = {**os.environ, "KUBECONFIG": str(node.plane.kubeconfig)}

    def values(self, **more: Any) -> Path:
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
            "settings": {"sources": {"allow": [ADDRESS]}, "pods": PODS, **more},
        }
        path = self.folder / "values.yaml"
        path.write_text(json.dumps(values))
        return path

    def helm(self, *arguments: str) -> str:
        """The answer of ``helm``."""
        helm = str(self.plane.programs.assets / "helm")
        done = subprocess.run([helm, *arguments, "-n", SYSTEM], capture_output=True, text=True, env=self.environ)
        assert done.returncode == 0, f"helm {arguments[0]}: {done.stderr}\n{self.operators_log()}"
        return done.stdout

    def install(self) -> None:
        """As the installation guide has it."""
        self.plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        for namespace in (SYSTEM, "default"):
            self.node.pull_secret(namespace)
        authority = {"ca.crt": self.node.registry.authority.read_text()}
        about = {"name": "company-ca", "namespace": "default"}
        self.plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": authority})
        self.helm("install", RELEASE, str(CHART), "--wait", "--timeout", "10m", "-f", str(self.values()))
        self.plane.restart_manager()

    def apply(self, name: str, part: Object) -> None:
        """Apply a Workspace for the node."""
        resource = {"labelSelector": {"matchLabels": {"apps": LABELS["apps"]}}}
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

    def pods(self) -> dict[str, tuple[str, int]]:
        """The pods of Workspaces: uid and restarts by name."""
        found = {}
        for pod in self.plane.get("pods", "-lkaito.sh/workspace"):
            statuses = pod["status"].get("containerStatuses") or []
            found[pod["metadata"]["name"]] = (pod["metadata"]["uid"], sum(one["restartCount"] for one in statuses))
        return found

    def llmwright(self, *arguments: str) -> str:
        """The answer of our own command line, on the cluster."""
        command = [sys.executable, "-m", "llmwright", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environ, check=False)
        assert done.returncode == 0, f"llmwright {' '.join(arguments)}: {done.stderr}"
        return done.stdout


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def data() -> Iterator[str]:
    """The address of the quick start's questions."""
    handler = partial(_Quiet, directory=str(DATA))
    server = ThreadingHTTPServer((ADDRESS, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{ADDRESS}:{server.server_port}/questions.parquet"
    server.shutdown()
    server.server_close()


def test_the_quick_start_from_install_to_uninstall(
    real_node: RealNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    steps, folder = Steps(), tmp_path_factory.mktemp("end-to-end")
    with steps.step("push both images"):
        images = pushed(real_node.registry, folder)
    real_node.label(LABELS)
    installed = Installation(real_node, folder, images, request.getfixturevalue("data"))
    with steps.step("helm install --wait"):
        installed.install()
    _tunes(installed, steps)
    _answers(installed, steps)
    _upgrades(installed, steps)
    _serves(installed, steps)
    _undoes(installed, steps)
    _uninstalls(installed, steps)
    print(steps.table())


def _tunes(installed: Installation, steps: Steps) -> None:
    output = {"image": installed.adapter, "imagePushSecret": "registry"}
    tuning = {"preset": {"name": "demo"}, "method": "qlora", "input": {"urls": [installed.data]}, "output": output}
    with steps.step("check, tune and push the adapter"):
        installed.apply("quickstart", {"tuning": tuning})
        installed.until("quickstart", "WorkspaceSucceeded", 15)
    with steps.step("pull the adapter and serve it"):
        installed.until("quickstart", "Ready")
    with steps.step("oras copy"):
        files = _files_of(installed)
    assert {"data/adapter_config.json", "data/adapter_model.safetensors"} <= files


def _files_of(installed: Installation) -> set[str]:
    """Return the files of the adapter's image, as ``oras`` reads it."""
    registry, layout = installed.node.registry, installed.folder / "adapter"
    oras = str(installed.plane.programs.assets / "oras")
    login = ("--from-username", registry.USER, "--from-password", registry.PASSWORD)
    trust = ("--from-ca-file", str(registry.authority))
    command = [oras, "copy", *login, *trust, installed.adapter, "--to-oci-layout", f"{layout}:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    archives = [blob for blob in (layout / "blobs/sha256").iterdir() if tarfile.is_tarfile(blob)]
    names: set[str] = set()
    for archive in archives:
        with tarfile.open(archive) as layer:
            names.update(layer.getnames())
    return names


def _answers(installed: Installation, steps: Steps) -> None:
    tools = installed.node.import_busybox()
    body = json.dumps({"prompt": QUESTION})
    ask = f"wget -q -O - --header 'Content-Type: application/json' --post-data '{body}' http://quickstart/chat"
    with steps.step("ask the Service from a pod"):
        answer = installed.plane.kubectl(
            "run", "asking", f"--image={tools}", "--restart=Never", "--rm", "-i", "--quiet", "--command", "--",
            "sh", "-c", ask,
        )  # fmt: skip
    assert ANSWER in answer, answer
    with steps.step("llmwright chat"):
        assert ANSWER in installed.llmwright("chat", "--target", "kubernetes", "quickstart", QUESTION)


def _serves(installed: Installation, steps: Steps) -> None:
    with steps.step("delete the tuned model"):
        installed.plane.kubectl("delete", "workspace", "quickstart", "--timeout=120s")
        wait_until(lambda: not installed.plane.get("pods"), "its pods are gone", 60)
    with steps.step("serve the demo model"):
        installed.apply("demo", {"inference": {"preset": {"name": "demo"}}})
        installed.until("demo", "Ready")


def _upgrades(installed: Installation, steps: Steps) -> None:
    before, operators = installed.pods(), _operators(installed)
    with steps.step("helm upgrade --wait with another default"):
        values = installed.values(readinessTimeout=3600)
        installed.helm("upgrade", RELEASE, str(CHART), "--wait", "--timeout", "10m", "-f", str(values))
    assert _operators(installed) != operators
    wait_until(lambda: installed.plane.condition("quickstart", "UpdateAvailable")["status"] == "True", "it is told", 60)
    assert installed.pods() == before


def _operators(installed: Installation) -> set[str]:
    return {pod["metadata"]["uid"] for pod in installed.plane.get("pods", "-n", SYSTEM)}


def _undoes(installed: Installation, steps: Steps) -> None:
    path = f"{WORKSPACES}/demo"
    with steps.step("change the server"):
        options = {"inference": {"preset": {"name": "demo"}, "runtime": "hf", "runtimeConfig": {"maxNumSeqs": 2}}}
        installed.apply("demo", options)
        wait_until(lambda: "--max-num-seqs" in _command(installed, "demo"), "it is changed", 60)
        installed.until("demo", "Ready")
    with steps.step("llmwright rollout undo"):
        installed.llmwright("rollout", "undo", "--target", "kubernetes", "demo")
        wait_until(lambda: "--max-num-seqs" not in _command(installed, "demo"), "it is undone", 60)
        installed.until("demo", "Ready")
    assert installed.plane.fetch(path)


def _command(installed: Installation, name: str) -> list[str]:
    server = installed.plane.fetch(f"/apis/apps/v1/namespaces/default/statefulsets/{name}") or {}
    command: list[str] = server["spec"]["template"]["spec"]["containers"][0]["command"]
    return command


def _uninstalls(installed: Installation, steps: Steps) -> None:
    with steps.step("delete the Workspace"):
        installed.plane.kubectl("delete", "workspaces", "--all", "--timeout=120s")
        wait_until(lambda: not installed.plane.get("pods"), "their pods are gone", 60)
    for kind in ("statefulsets", "jobs", "services", "controllerrevisions", "configmaps"):
        left = [one["metadata"]["name"] for one in installed.plane.get(kind, "-lkaito.sh/workspace")]
        assert left == [], kind
    with steps.step("helm uninstall"):
        installed.helm("uninstall", RELEASE, "--wait", "--timeout", "2m")
    kinds = "deployments,services,serviceaccounts,configmaps,roles,rolebindings,leases,poddisruptionbudgets"
    left = [one["metadata"]["name"] for one in installed.plane.get(kinds, "-n", SYSTEM)]
    assert [name for name in left if "llmwright" in name] == []
    kinds = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,priorityclasses"
    assert [
        one["metadata"]["name"] for one in installed.plane.get(kinds) if "llmwright" in one["metadata"]["name"]
    ] == []
    assert installed.plane.get("customresourcedefinitions"), "the CRD stays: the user's Workspaces hang on it"
