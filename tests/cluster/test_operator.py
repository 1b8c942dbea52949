"""The operator on a real API server, with KWOK's nodes."""

from __future__ import annotations

import json

import pytest
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.operator.rbac import NAME
from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = pytest.mark.cluster

CHILDREN = "statefulset,service,job,controllerrevision"


def versions(plane: Cluster, *names: str) -> dict[str, str]:
    """The resource version of every object of these Workspaces."""
    found = [(one["kind"], one["metadata"]) for one in plane.get(f"workspace,{CHILDREN}", "-ndefault")]
    return {f"{kind}/{it['name']}": it["resourceVersion"] for kind, it in found if it["name"].startswith(names)}


def test_a_workspace_serves_once_a_node_is_there(workspaces: Workspaces, operator: OperatorProcess) -> None:
    workspaces.apply(workspaces.inference("serve"))
    workspaces.until("serve", "ResourceReady", "False", "NoMatchingNode")
    assert workspaces.one("statefulset", "serve") is None
    workspaces.node("serve-node", "serve")
    workspaces.until("serve", "Ready")
    found = workspaces.get("serve")
    assert found["status"]["state"] == "Ready"
    assert found["status"]["workerNodes"] == ["serve-node"]
    assert found["status"]["plan"]["provisioner"] == "byo"
    assert found["status"]["endpoint"] == "http://serve.default.svc.cluster.local"
    assert found["metadata"]["generation"] == 1
    assert workspaces.one("service", "serve") is not None
    assert workspaces.one("service", "serve-headless") is not None
    (line,) = workspaces.plane.kubectl("get", "wk", "serve", "--no-headers").splitlines()
    assert line.split()[2:5] == ["True", "True", "True"]
    assert "WorkspaceInferenceStatusSuccess" in {one["reason"] for one in workspaces.events("serve")}
    line = 'llmwright_workspaces{namespace="default",phase="Ready",reason="Ready"} 1.0'
    assert line in operator.answers(operator.metrics, "/metrics")


def test_a_tuned_result_is_served_on_the_same_node(workspaces: Workspaces) -> None:
    workspaces.node("tune-node", "tune")
    workspaces.apply(workspaces.tuning("tune"))
    workspaces.until("tune", "WorkspaceSucceeded")
    assert workspaces.get("tune")["status"]["state"] == "Succeeded"
    assert workspaces.get("tune")["status"]["output"] == "registry.example.com/out:1"
    # The finished pod holds no GPU any more: the server takes its place.
    workspaces.until("tune", "InferenceReady")
    assert workspaces.one("job", "tune") is not None


def test_a_type_that_may_not_be_had_again_is_warned_of(workspaces: Workspaces) -> None:
    machine = "Standard_NC6s_v3"
    workspaces.node("old-node", "old", labels={"node.kubernetes.io/instance-type": machine})
    wanted = workspaces.inference("old", instanceType=machine)
    wanted["inference"] = {"template": {"spec": {"containers": [{"name": "own", "image": "registry.example/own:1"}]}}}
    workspaces.apply(wanted)
    workspaces.until("old", "Ready")
    assert f"{machine} is retired" in workspaces.told("old", "NodesReady")["message"]


def test_a_result_that_is_not_to_be_served_gives_the_node_back(workspaces: Workspaces) -> None:
    workspaces.node("release-node", "release")
    workspaces.apply(workspaces.tuning("release", onSuccess="release"))
    workspaces.until("release", "Ready")
    workspaces.until("release", "ResourceReady", "False", "Released")
    assert workspaces.one("statefulset", "release") is None


def test_deleting_leaves_nothing_behind(workspaces: Workspaces) -> None:
    workspaces.node("leave-node", "leave")
    workspaces.apply(workspaces.inference("leave"))
    workspaces.until("leave", "Ready")
    workspaces.plane.kubectl("delete", "workspace", "leave", "--timeout=30s")
    wait_until(workspaces.gone("leave"), "all of it is gone")


def test_a_lost_node_shows_at_once(workspaces: Workspaces) -> None:
    workspaces.node("lost-node", "lost")
    workspaces.apply(workspaces.inference("lost"))
    workspaces.until("lost", "Ready")
    workspaces.plane.kubectl("delete", "node", "lost-node", "--wait=false")
    workspaces.until("lost", "ResourceReady", "False")
    assert workspaces.condition("lost", "Ready")[0] == "False"
    assert workspaces.get("lost")["status"]["state"] == "NotReady"


def test_what_cannot_be_is_refused_in_the_status(workspaces: Workspaces) -> None:
    unknown = workspaces.inference("refused")
    unknown["inference"]["preset"]["name"] = "no-such-model"
    missing = workspaces.inference("pluginless", provisioner="nowhere")
    workspaces.apply(unknown, missing)
    workspaces.until("refused", "Stalled")
    workspaces.until("pluginless", "Stalled", reason="PluginNotFound")
    assert "no-such-model" in json.dumps(workspaces.get("refused")["status"])
    assert workspaces.one("statefulset", "refused") is None
    for name in ("refused", "pluginless"):
        workspaces.plane.kubectl("delete", "workspace", name, "--timeout=30s")


def test_a_config_is_waited_for_and_taken_up(workspaces: Workspaces) -> None:
    workspaces.node("config-node", "config")
    wanted = workspaces.inference("config")
    wanted["inference"]["config"] = "my-flags"
    workspaces.apply(wanted)
    workspaces.until("config", "Stalled")
    text = "vllm:\n  max-model-len: 4096\n"
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "my-flags", "namespace": "default"}}
    workspaces.plane.apply({**data, "data": {"inference_config.yaml": text}})
    workspaces.until("config", "Ready")
    before = workspaces.get("config")["status"]["plan"]["inputs"]
    workspaces.plane.apply({**data, "data": {"inference_config.yaml": text.replace("4096", "2048")}})
    wait_until(lambda: workspaces.get("config")["status"]["plan"]["inputs"] != before, "the new config is planned with")
    workspaces.until("config", "Ready")
    workspaces.plane.kubectl("delete", "configmap", "my-flags")


def test_a_restart_writes_nothing(workspaces: Workspaces, operator: OperatorProcess) -> None:
    for name in ("again-1", "again-2"):
        workspaces.node(f"{name}-node", name)
    workspaces.apply(workspaces.inference("again-1"), workspaces.tuning("again-2"))
    workspaces.until("again-1", "Ready")
    workspaces.until("again-2", "Ready")
    before = versions(workspaces.plane, "again-")
    assert len(before) > 7
    operator.stop()
    operator.start()
    # A Workspace that is made later is served after those that were there.
    workspaces.apply(workspaces.inference("again-3"))
    workspaces.until("again-3", "ResourceReady", "False")
    after = versions(workspaces.plane, "again-1", "again-2")
    assert after == before


def test_two_workspaces_of_one_name_do_not_meet(workspaces: Workspaces) -> None:
    workspaces.node("twice-node", "twice")
    workspaces.apply(workspaces.inference("twice"))
    workspaces.until("twice", "Ready")
    first = workspaces.get("twice")["metadata"]["uid"]
    workspaces.plane.kubectl("delete", "workspace", "twice", "--timeout=30s")
    workspaces.apply(workspaces.inference("twice"))
    workspaces.until("twice", "Ready")
    owners = [one["uid"] for one in (workspaces.one("statefulset", "twice") or {})["metadata"]["ownerReferences"]]
    assert owners == [workspaces.get("twice")["metadata"]["uid"]] != [first]


def test_the_operator_may_not_read_secrets(plane: Cluster, operator: OperatorProcess) -> None:
    account = f"--as=system:serviceaccount:default:{NAME}"
    assert plane.kubectl("auth", "can-i", "get", "pods", account).strip() == "yes"
    assert plane.kubectl("auth", "can-i", "get", "secrets", account, check=False).strip() != "yes"
