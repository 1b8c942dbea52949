"""What the operator applies beside the objects of a preset: what plugins make of them, and the user's own templates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.harness import Karpenter
from tests.cluster.operating import OperatorProcess, Workspaces, install, running, write_kubeconfig

pytestmark = pytest.mark.cluster

HOOK = """
from modelwright.plugins import hookimpl


@hookimpl
def manifests(workspace, objects):
    for found in objects:
        about = found["metadata"]
        yield {**found, "metadata": {**about, "labels": {**about["labels"], "example.com/team": "a"}}}
    if "example.com/budget" in workspace.metadata.annotations:
        yield {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": workspace.name}}
"""


def write_plugin(folder: Path) -> Path:
    """A distribution that answers the hook ``manifests``, as pip would leave it."""
    about = folder / "looks-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "looks.py").write_text(HOOK)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: looks\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[modelwright.hooks.v1]\nlooks = looks\n")
    return folder


@pytest.fixture(scope="module")
def plane(karpenter: Karpenter) -> ControlPlane:
    install(karpenter.plane)
    return karpenter.plane


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    folder = tmp_path_factory.mktemp("operator")
    path = os.pathsep.join([str(write_plugin(folder / "plugin")), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {"PYTHONPATH": path}
    with running(OperatorProcess(write_kubeconfig(plane, folder / "kubeconfig"), folder, environ=environ)) as process:
        yield process


@pytest.fixture
def workspaces(plane: ControlPlane, operator: OperatorProcess) -> Iterator[Workspaces]:
    found = Workspaces(plane)
    yield found
    found.clear()


def test_plugins_look_at_what_is_applied(workspaces: Workspaces) -> None:
    workspaces.node("looked-node", "looked")
    workspaces.apply(workspaces.inference("looked"))
    workspaces.until("looked", "Ready")
    for kind, name in (("statefulset", "looked"), ("service", "looked"), ("service", "looked-headless")):
        found = workspaces.one(kind, name)
        assert found is not None
        assert found["metadata"]["labels"]["example.com/team"] == "a"


def test_a_kind_that_is_never_applied_is_refused_in_the_status(workspaces: Workspaces) -> None:
    workspaces.node("budget-node", "budget")
    wanted = workspaces.inference("budget")
    wanted["metadata"]["annotations"] = {"example.com/budget": "1"}
    workspaces.apply(wanted)
    workspaces.until("budget", "Stalled", reason="PluginContract")
    assert "PodDisruptionBudget" in json.dumps(workspaces.get("budget")["status"])
    assert workspaces.one("statefulset", "budget") is None


def test_a_template_of_the_users_own_serves(workspaces: Workspaces) -> None:
    workspaces.node("own-node", "own")
    wanted = workspaces.inference("own")
    container = {"name": "own", "image": "registry.example/own:1", "ports": [{"containerPort": 5000}]}
    wanted["inference"] = {"template": {"spec": {"containers": [container]}}}
    workspaces.apply(wanted)
    workspaces.until("own", "Ready")
    found = workspaces.get("own")["status"]
    assert (found["state"], found["workerNodes"]) == ("Ready", ["own-node"])
    assert found["endpoint"] == "http://own.default.svc.cluster.local"
    server = workspaces.one("statefulset", "own")
    assert server is not None
    assert server["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/own:1"
    assert workspaces.one("service", "own") is not None
    assert workspaces.one("service", "own-headless") is not None
    workspaces.plane.kubectl("delete", "workspace", "own", "--timeout=30s")
    workspaces.plane.kubectl("wait", "--for=delete", "statefulset/own", "--timeout=30s")


def test_without_an_instance_type_it_waits_for_nodes_to_judge_by(workspaces: Workspaces) -> None:
    wanted = workspaces.inference("judge")
    del wanted["resource"]["instanceType"]
    workspaces.apply(wanted)
    workspaces.until("judge", "ResourceReady", "False", "NoReadyNodes")
    assert workspaces.condition("judge", "Stalled") == ("False", "Progressing")
    assert workspaces.condition("judge", "WorkspaceSucceeded") == ("False", "workspacePending")
    workspaces.node("judge-node", "judge")
    gpu = ("nvidia.com/gpu.product=NVIDIA-A100-80GB-PCIe", "nvidia.com/gpu.count=1", "nvidia.com/gpu.memory=81920")
    workspaces.plane.kubectl("label", "node", "judge-node", *gpu)
    workspaces.until("judge", "Ready")
