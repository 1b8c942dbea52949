"""Objects of any kind: those by which a runtime of somebody else's serves, and those that a company's hook adds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.demo_service import RUNTIME, crd, rights
from tests.cluster.support.installed import HOOKS, with_path, write_plugin
from tests.cluster.support.operating import Shift
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.operator.rbac import NAME, plugins_role
from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

RUNTIMES = "llmwright.runtimes.v1"
HOOK = """
from llmwright.plugins import hookimpl


@hookimpl
def manifests(workspace, objects):
    wished = workspace.metadata.annotations
    added = [{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": workspace.name},
              "spec": {"minAvailable": int(wished["example.com/budget"]),
                       "selector": {"matchLabels": {"kaito.sh/workspace": workspace.name}}}}
             ] if "example.com/budget" in wished else []
    added += [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}] * ("example.com/wide" in wished)
    added += [{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "wrong"},
               "spec": {"minAvailable": -1}}] * ("example.com/wrong" in wished)
    return [*objects, *added]
"""
DEMO = "demo.example.com/v1/demoservices"
NOTES = "v1/configmaps"
BUDGETS = "policy/v1/poddisruptionbudgets"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("plugins")
    write_plugin(folder, "acme_demo", RUNTIME, RUNTIMES, "demo = acme_demo:Demo")
    return with_path(write_plugin(folder, "acme_adds", HOOK, HOOKS))


@pytest.fixture(scope="module")
def allowed(plane: Cluster) -> Iterator[None]:
    """The operator may be given rights for plugins' kinds; none are yet, and the kind is not there."""
    role = plugins_role()
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "plugins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": "default"}],
    }
    plane.apply(role, binding)
    yield
    plane.kubectl("delete", "crd", crd()["metadata"]["name"], "--ignore-not-found", "--wait=false")
    plane.kubectl("delete", "clusterrole", rights()["metadata"]["name"], "--ignore-not-found")


def one(workspaces: Workspaces, kind: str, name: str) -> Object | None:
    """One object of the namespace ``default``."""
    api, _, plural = kind.rpartition("/")
    root = "/apis" if "/" in api else "/api"
    return workspaces.plane.fetch(f"{root}/{api}/namespaces/default/{plural}/{name}")


def until_there(workspaces: Workspaces, kind: str, name: str) -> Object:
    return wait_until(lambda: one(workspaces, kind, name), f"{kind} {name}")


def demo(workspaces: Workspaces, name: str) -> Object:
    """A Workspace that the demo runtime serves, with a node for it."""
    workspaces.node(f"{name}-node", name)
    wanted = workspaces.inference(name)
    wanted["inference"]["runtime"] = "demo"
    return wanted


def say(workspaces: Workspaces, name: str, **status: str) -> None:
    """What the kind's own controller would say."""
    patch = json.dumps({"status": status})
    workspaces.plane.kubectl("patch", "demoservice", name, "--subresource=status", "--type=merge", "-p", patch)


def test_what_is_missing_is_named_and_nothing_else_is_tried(
    workspaces: Workspaces, operator: OperatorProcess, allowed: None
) -> None:
    workspaces.apply(demo(workspaces, "early"))
    workspaces.until("early", "InferenceReady", "False", "KindNotServed")
    assert "DemoService (demo.example.com/v1)" in workspaces.told("early", "InferenceReady")["message"]
    assert workspaces.one("statefulset", "early") is None
    workspaces.plane.apply(crd())
    workspaces.until("early", "InferenceReady", "False", "KindForbidden")
    assert "demoservices" in workspaces.told("early", "InferenceReady")["message"]
    workspaces.plane.apply(rights())
    workspaces.until("early", "InferenceReady", "False", "DemoStarting")
    assert until_there(workspaces, DEMO, "early")["spec"]["replicas"] == 1
    assert not [line for line in operator.lines() if "traceback" in line]


def test_a_runtime_serves_by_a_kind_of_its_own(workspaces: Workspaces, allowed: None) -> None:
    workspaces.plane.apply(crd(), rights())
    workspaces.apply(demo(workspaces, "other"))
    workspaces.until("other", "InferenceReady", "False", "DemoStarting")
    found = until_there(workspaces, DEMO, "other")
    uid = workspaces.get("other")["metadata"]["uid"]
    assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [uid]
    assert found["metadata"]["labels"]["kaito.sh/workspace"] == "other"
    pod = found["spec"]["template"]
    assert pod["metadata"]["labels"]["kaito.sh/workspace"] == "other"
    assert pod["spec"]["affinity"]
    assert workspaces.one("statefulset", "other") is None
    assert workspaces.one("service", "other") is not None

    say(workspaces, "other", phase="Failed", message="the head was killed: out of memory")
    workspaces.until("other", "Stalled", reason="DemoFailed")
    assert "out of memory" in workspaces.told("other", "InferenceReady")["message"]
    say(workspaces, "other", phase="Ready")
    workspaces.until("other", "Ready")

    kubectl = workspaces.plane.kubectl
    kubectl("patch", "demoservice", "other", "--type=merge", "-p", '{"spec": {"replicas": 7}}')
    kubectl("delete", "configmap", "other-notes")
    wait_until(lambda: (one(workspaces, DEMO, "other") or found)["spec"]["replicas"] == 1, "the edit is put back")
    assert until_there(workspaces, NOTES, "other-notes")["data"] == {"command": "demo phi-4-mini-instruct"}

    kubectl("patch", "workspace", "other", "--type=merge", "-p", '{"inference": {"runtime": "vllm"}}')
    wait_until(lambda: workspaces.one("statefulset", "other") is not None, "the core's server")
    wait_until(lambda: one(workspaces, DEMO, "other") is None, "the runtime's server is gone")
    wait_until(lambda: one(workspaces, NOTES, "other-notes") is None, "and what it brought")
    workspaces.until("other", "Ready")
    wait_until(lambda: not workspaces.get("other")["status"].get("objectKinds"), "nothing is left to look for")

    kubectl("patch", "workspace", "other", "--type=merge", "-p", '{"inference": {"runtime": "demo"}}')
    until_there(workspaces, DEMO, "other")
    wait_until(lambda: workspaces.one("statefulset", "other") is None, "the core's server gives way")
    kubectl("delete", "workspace", "other", "--timeout=30s")
    wait_until(lambda: one(workspaces, DEMO, "other") is None, "it goes with its Workspace")
    wait_until(lambda: one(workspaces, NOTES, "other-notes") is None, "and what it brought")


def test_a_hook_adds_objects_of_any_kind(workspaces: Workspaces, allowed: None) -> None:
    workspaces.plane.apply(rights())
    workspaces.node("kept-node", "kept")
    wanted = workspaces.inference("kept")
    wanted["metadata"]["annotations"] = {"example.com/budget": "1"}
    workspaces.apply(wanted)
    workspaces.until("kept", "Ready")
    found = until_there(workspaces, BUDGETS, "kept")
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Workspace"
    assert workspaces.get("kept")["status"]["objectKinds"] == ["poddisruptionbudgets.v1.policy"]
    kubectl = workspaces.plane.kubectl
    kubectl("delete", "poddisruptionbudget", "kept")
    until_there(workspaces, BUDGETS, "kept")
    kubectl("annotate", "workspace", "kept", "example.com/budget=0", "--overwrite")
    wait_until(
        lambda: (one(workspaces, BUDGETS, "kept") or found)["spec"]["minAvailable"] == 0, "it is as rendered now"
    )
    kubectl("annotate", "workspace", "kept", "example.com/budget-")
    wait_until(lambda: one(workspaces, BUDGETS, "kept") is None, "it goes when it is rendered no more")


def test_what_lies_in_no_namespace_is_refused(workspaces: Workspaces) -> None:
    workspaces.node("wide-node", "wide")
    wanted = workspaces.inference("wide")
    wanted["metadata"]["annotations"] = {"example.com/wide": "1"}
    workspaces.apply(wanted)
    workspaces.until("wide", "Stalled", reason="PluginContract")
    assert "Namespace more" in workspaces.told("wide", "Stalled")["message"]
    assert workspaces.one("statefulset", "wide") is None


def test_what_the_server_refuses_is_told_in_its_words_and_not_tried_all_the_time(
    workspaces: Workspaces, operator: OperatorProcess, allowed: None
) -> None:
    workspaces.plane.apply(rights())
    workspaces.node("wrong-node", "wrong")
    wanted = workspaces.inference("wrong")
    wanted["metadata"]["annotations"] = {"example.com/wrong": "1"}
    workspaces.apply(wanted)
    workspaces.until("wrong", "InferenceReady", "False", "ObjectRefused")
    assert "must be greater than or equal to 0" in workspaces.told("wrong", "InferenceReady")["message"]
    workspaces.plane.kubectl("label", "node", "wrong-node", "example.com/news=1")
    workspaces.plane.kubectl("annotate", "workspace", "wrong", "example.com/wrong-")
    workspaces.until("wrong", "Ready")
    refused = [
        line for line in operator.lines() if line["level"] == "warning" and "default/wrong: PATCH" in line["message"]
    ]
    assert len(refused) == 1


def test_without_the_plugin_a_workspace_and_what_it_brought_go_all_the_same(
    workspaces: Workspaces, shift: Shift, settings: Object, allowed: None
) -> None:
    workspaces.plane.apply(crd(), rights())
    workspaces.apply(demo(workspaces, "bare"))
    until_there(workspaces, DEMO, "bare")
    shift.on(settings, {})
    workspaces.until("bare", "Stalled", reason="PluginNotFound")
    assert one(workspaces, DEMO, "bare") is not None
    workspaces.plane.kubectl("delete", "workspace", "bare", "--timeout=30s")
    wait_until(lambda: one(workspaces, DEMO, "bare") is None, "the runtime's server is gone")
