"""What the operator applies beside the objects of a preset: what plugins make of them, and the user's own templates."""

from __future__ import annotations

import json

import pytest
from tests.cluster.support.installed import HOOKS, with_path, write_plugin
from tests.cluster.support.workspaces import Workspaces

pytestmark = pytest.mark.cluster

HOOK = """
from llmwright.plugins import hookimpl


@hookimpl
def manifests(workspace, objects):
    for found in objects:
        about = found["metadata"]
        yield {**found, "metadata": {**about, "labels": {**about["labels"], "example.com/team": "a"}}}
    if "example.com/budget" in workspace.metadata.annotations:
        yield {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": workspace.name}}
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return with_path(write_plugin(tmp_path_factory.mktemp("plugin"), "looks", HOOK, HOOKS))


def test_plugins_look_at_what_is_applied(workspaces: Workspaces) -> None:
    workspaces.node("looked-node", "looked")
    workspaces.apply(workspaces.inference("looked"))
    workspaces.until("looked", "Ready")
    for kind, name in (("statefulset", "looked"), ("service", "looked"), ("service", "looked-headless")):
        found = workspaces.one(kind, name)
        assert found is not None
        assert found["metadata"]["labels"]["example.com/team"] == "a"


def test_a_kind_that_the_operator_has_no_right_to_is_named_in_the_status(workspaces: Workspaces) -> None:
    workspaces.node("budget-node", "budget")
    wanted = workspaces.inference("budget")
    wanted["metadata"]["annotations"] = {"example.com/budget": "1"}
    workspaces.apply(wanted)
    workspaces.until("budget", "InferenceReady", "False", "KindForbidden")
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
