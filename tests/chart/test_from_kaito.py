"""Over from KAITO and back, by the commands of docs/from-kaito.md as they stand there, with the real ``helm``.

With the lowest release that the chart asks for too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chart.support.helm import Helm
from tests.chart.support.helm_releases import fetch
from tests.chart.support.installed_operator import installed_operator
from tests.chart.support.kaitos_chart import write_chart
from tests.support.page_commands import commands

from llmwright.testing.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
Shell = Callable[[str], str]

ROOT = Path(__file__).parents[2]
PAGE = "from-kaito.md"
NAME = "moves"
VALUES = "--set provisioner.name=byo --set settings.preflight=false"
"""Nodes that are there, so that the server has one; nothing else of the installation differs."""


@pytest.fixture(scope="module", params=["here", pytest.param("3.17", marks=pytest.mark.slow)])
def program(request: pytest.FixtureRequest, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of Helm that is here, and the lowest."""
    release = str(request.param)
    return helm.program if release == "here" else fetch(release, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def shell(program: Path, helm: Helm, plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Runs a command of the page in the repository, as a reader does; returns what it printed."""
    home = tmp_path_factory.mktemp("home")
    path = f"{program.parent}:{helm.program.parent}:{Path(sys.executable).parent}:/usr/bin:/bin"
    environ = {"PATH": path, "HOME": str(home), "KUBECONFIG": str(plane.kubeconfig), "NO_PROXY": "*"}
    chart = write_chart(home / "kaito-chart")

    def run(command: str) -> str:
        words = command.replace("kaito/workspace", str(chart)).replace("> workspaces.yaml", f"> {home}/workspaces.yaml")
        if words.startswith("helm install llmwright"):
            words += f" {VALUES}"
        shown = f"set -o pipefail; {words}"
        done = subprocess.run(
            ["bash", "-c", shown], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def moving(plane: Cluster, shell: Shell) -> Iterator[Cluster]:
    """A cluster on which KAITO serves a Workspace."""
    for namespace in ("default", "team"):
        labels = {"model": namespace, "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"}
        # One for each, whose only GPU the server of the other does not leave.
        plane.add_node(f"gpu-{namespace}", labels)
    # Nobody serves the webhook, so the Workspace comes before it.
    shell("helm install kaito-workspace kaito/workspace -n kaito-workspace --create-namespace --set webhook=false")
    plane.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
    plane.restart_manager()
    plane.apply(workspace())
    made = plane.fetch(f"/apis/kaito.sh/v1beta1/namespaces/default/workspaces/{NAME}")
    assert made is not None
    plane.apply(server(made["metadata"]["uid"]))
    shell("helm upgrade kaito-workspace kaito/workspace -n kaito-workspace --set webhook=true")
    yield plane
    plane.kubectl("delete", "validatingwebhookconfiguration", "validation.workspace.kaito.sh", "--ignore-not-found")
    finalizers = json.dumps({"metadata": {"finalizers": None}})
    plane.kubectl("patch", "workspace", NAME, "--type=merge", "-p", finalizers, check=False)
    plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--ignore-not-found", "--timeout=60s")
    plane.kubectl("delete", "namespace", "kaito-workspace", "team", "--ignore-not-found", "--timeout=60s")
    plane.kubectl("delete", "node", "gpu-default", "gpu-team")


def workspace(namespace: str = "default") -> Object:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": NAME, "namespace": namespace},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"model": namespace}},
        },
        "inference": {"preset": {"name": "phi-4-mini-instruct"}},
    }


def server(owner: str) -> Object:
    """A StatefulSet that KAITO's controller rendered: under the same name, of the Workspace, and otherwise."""
    labels = {"kaito.sh/workspace": NAME}
    about = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "name": NAME, "uid": owner}
    owned = {**about, "controller": True, "blockOwnerDeletion": True}
    container = {"name": NAME, "image": "mcr.microsoft.com/aks/kaito/kaito-base:0.2.1", "command": ["/bin/sh"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": "default", "labels": labels, "ownerReferences": [owned]},
        "spec": {
            "replicas": 1,
            "podManagementPolicy": "Parallel",
            "serviceName": f"{NAME}-headless",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def uid(plane: Cluster) -> str:
    return str(plane.fetch(f"/apis/kaito.sh/v1beta1/namespaces/default/workspaces/{NAME}")["metadata"]["uid"])  # type: ignore[index]


def image(plane: Cluster) -> str:
    (found,) = plane.get("statefulsets", f"-lkaito.sh/workspace={NAME}")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_over_and_back(moving: Cluster, shell: Shell, tmp_path: Path) -> None:
    before = uid(moving)
    for command in commands(PAGE, "Moving over"):
        shell(command)
    assert uid(moving) == before
    operator = installed_operator(moving, tmp_path)
    operator.start()
    try:
        moving.until(NAME, "Ready")
        assert "kaito-base" not in image(moving)
        # What LLMwright alone has can be written now.
        moving.kubectl("patch", "workspace", NAME, "--type=merge", '-p={"resource":{"provisioner":"byo"}}')
    finally:
        operator.end()

    for command in commands(PAGE, "Going back"):
        shell(command)
    assert uid(moving) == before
    (served,) = moving.get("statefulsets", f"-lkaito.sh/workspace={NAME}")
    assert served["status"]["readyReplicas"] == 1
    (found,) = moving.get("workspaces")
    assert "provisioner" not in found["resource"]
    moving.kubectl("delete", "validatingwebhookconfiguration", "validation.workspace.kaito.sh")
    moving.kubectl("annotate", "workspace", NAME, "kaito=writes")


@pytest.mark.slow
def test_side_by_side(moving: Cluster, shell: Shell, tmp_path: Path) -> None:
    shell("helm upgrade --install kaito-workspace kaito/workspace -n kaito-workspace")
    shell("kubectl create namespace team")
    for command in commands(PAGE, "Side by side"):
        shell(command.replace("TEAM", "team"))
    operator = installed_operator(moving, tmp_path)
    operator.start()
    # The webhook, which nobody serves here, is not asked about the Workspaces of this namespace.
    moving.apply(workspace("team"))
    path = f"/apis/kaito.sh/v1beta1/namespaces/team/workspaces/{NAME}"

    def is_ready() -> bool:
        status = (moving.fetch(path) or {}).get("status") or {}
        return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())

    try:
        wait_until(is_ready, "it is carried out")
        shell(f"kubectl -n team delete workspace {NAME} --timeout=60s")
    finally:
        operator.end()
    shell("helm uninstall llmwright -n llmwright-system --wait")
    shell("kubectl delete -f deploy/beside-kaito.yaml")
