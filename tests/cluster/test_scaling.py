"""Scaling on a real API server: by the subresource, by a real autoscaler, and by every provisioner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.cluster.support.keda import KEDA, NAME, PATH
from tests.cluster.support.operating import BUYING
from tests.cluster.support.pod_metrics import pod_metrics
from tests.cluster.support.workspaces import BUYER, CLAIMS, Workspaces
from tests.cluster.test_manifests import dry_run
from tests.support.waiting import wait_until

from llmwright import render
from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {**BUYING, "prometheus": "http://prometheus.example:9090"}


@dataclass
class Story:
    """What became of one Workspace and its pods since a moment, in the order in which it was written."""

    workspaces: Workspaces
    name: str
    since: str = ""
    begun: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Remember what is there now."""
        listed = self.workspaces.plane.fetch(PODS)
        assert listed is not None
        self.since = listed["metadata"]["resourceVersion"]
        self.begun = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self._mine(listed["items"])}
        self.ready = {pod["metadata"]["name"] for pod in self._mine(listed["items"]) if answers(pod)}

    def verdicts(self) -> Iterator[tuple[Object, set[str]]]:
        """Each state of the Workspace, with the names of the pods that were ready then."""
        plane = self.workspaces.plane
        states = [*plane.history(WORKSPACES, self.since), *self._mine(plane.history(PODS, self.since))]
        ready = set(self.ready)
        for state in sorted(states, key=lambda one: int(one["metadata"]["resourceVersion"])):
            if state["kind"] == "Workspace":
                if state["metadata"]["name"] == self.name:
                    yield state, set(ready)
            elif answers(state):
                ready.add(state["metadata"]["name"])
            else:
                ready.discard(state["metadata"]["name"])

    def _mine(self, pods: list[Object]) -> list[Object]:
        return [pod for pod in pods if pod["metadata"].get("labels", {}).get("kaito.sh/workspace") == self.name]


def answers(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def says_ready(workspace: Object) -> bool | None:
    """Whether Ready holds for the present generation; None where it does not tell of that."""
    conditions = (workspace.get("status") or {}).get("conditions") or []
    ready = next((one for one in conditions if one["type"] == "Ready"), None)
    if ready is None or ready.get("observedGeneration") != workspace["metadata"]["generation"]:
        return None
    return bool(ready["status"] == "True")


def scale(workspaces: Workspaces, name: str, replicas: int) -> None:
    workspaces.plane.kubectl("scale", f"workspace/{name}", f"--replicas={replicas}")


def until_scaled(workspaces: Workspaces, name: str, replicas: int) -> None:
    """Wait until that many replicas are there and nothing is left to do."""

    def done() -> bool:
        found = workspaces.get(name)
        status = found.get("status") or {}
        if status.get("replicas", 0) != replicas or says_ready(found) is not True:
            return False
        return workspaces.condition(name, "Reconciling")[0] == "False"

    wait_until(done, f"{name} has {replicas} replicas", timeout_s=90.0)


def pods_of(workspaces: Workspaces, name: str) -> dict[str, Object]:
    found = workspaces.plane.get("pods", f"-lkaito.sh/workspace={name}")
    return {pod["metadata"]["name"]: pod for pod in found}


def until_held(workspaces: Workspaces, name: str, provisioner: str, nodes: set[str]) -> None:
    """Wait until exactly these nodes are the Workspace's, and bought for it."""

    def done() -> bool:
        if set(workspaces.get(name)["status"]["workerNodes"]) != nodes:
            return False
        if provisioner not in BUYER:
            return True
        claims = workspaces.plane.get(CLAIMS, f"-l{BUYER[provisioner]}={name}")
        return {claim["status"]["nodeName"] for claim in claims} == nodes

    wait_until(done, f"exactly {nodes} are left")


@pytest.mark.parametrize("provisioner", ["byo", "nodeclaim", "nodepool"])
def test_survivors_and_their_nodes_stay_and_ready_is_true(workspaces: Workspaces, provisioner: str) -> None:
    name = f"scaled-by-{provisioner}"
    if provisioner == "byo":
        for number in range(4):
            workspaces.node(f"{name}-{number}", name)
        wanted = workspaces.inference(name, provisioner="byo")
    else:
        wanted = workspaces.inference(name, provisionerConfig={"mode": provisioner})
    workspaces.apply(wanted)
    until_scaled(workspaces, name, 1)
    story = Story(workspaces, name)
    story.begin()
    scale(workspaces, name, 4)
    until_scaled(workspaces, name, 4)
    for state, ready in story.verdicts():
        if state["spec"]["replicas"] == 4 and says_ready(state):
            assert ready == {f"{name}-{number}" for number in range(4)}, state["status"]
    for fewer in (2, 1):
        story.begin()
        held = {pod: found["spec"]["nodeName"] for pod, found in pods_of(workspaces, name).items()}
        scale(workspaces, name, fewer)
        until_scaled(workspaces, name, fewer)
        staying = {f"{name}-{number}" for number in range(fewer)}
        assert [says_ready(state) for state, _ in story.verdicts() if says_ready(state) is False] == []
        after = pods_of(workspaces, name)
        assert {pod: found["metadata"]["uid"] for pod, found in after.items()} == {
            pod: uid for pod, uid in story.begun.items() if pod in staying
        }
        until_held(workspaces, name, provisioner, {held[pod] for pod in staying})
    endpoint = workspaces.one("service", name)
    assert endpoint is not None
    assert endpoint["spec"]["selector"] == {"kaito.sh/workspace": name}
    assert "publishNotReadyAddresses" not in endpoint["spec"]


def test_an_autoscaler_sets_the_replicas_of_a_workspace(workspaces: Workspaces) -> None:
    workspaces.apply(workspaces.inference("auto"))
    until_scaled(workspaces, "auto", 1)
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "auto", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "name": "auto"},
            "minReplicas": 2,
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "External",
                    "external": {"metric": {"name": "waiting"}, "target": {"type": "Value", "value": "1"}},
                }
            ],
        },
    }
    plane = workspaces.plane
    # No metrics server is here: the controller's own limits move the number, by the same subresource.
    plane.apply(autoscaler)
    until_scaled(workspaces, "auto", 2)
    assert len(plane.get(CLAIMS, f"-l{BUYER['nodeclaim']}=auto")) == 2
    (found,) = plane.get("hpa", "--field-selector=metadata.name=auto")
    able = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert able["AbleToScale"] == "True"
    plane.kubectl("patch", "hpa", "auto", "--type=merge", "-p", '{"spec": {"minReplicas": 1, "maxReplicas": 1}}')
    until_scaled(workspaces, "auto", 1)
    wait_until(lambda: len(plane.get(CLAIMS, f"-l{BUYER['nodeclaim']}=auto")) == 1, "the second node is given back")
    plane.kubectl("delete", "hpa", "auto")


def test_a_range_is_an_autoscaler_of_ours_that_follows_the_load(workspaces: Workspaces) -> None:
    plane, name = workspaces.plane, "ranged"
    wanted = workspaces.inference(name)
    wanted["inference"]["autoscaling"] = {"minReplicas": 1, "maxReplicas": 3}
    workspaces.apply(wanted)
    until_scaled(workspaces, name, 1)

    def autoscaler() -> Object | None:
        return next(iter(plane.get("hpa", f"-lkaito.sh/workspace={name}")), None)

    # Nobody offers the metrics yet: it is told on the Workspace, which answers.
    workspaces.until(name, "AutoscalerReady", "False", "FailedGetPodsMetric")
    assert workspaces.condition(name, "Ready") == ("True", "Ready")
    load = {"vllm:num_requests_running": 8, "vllm:num_requests_waiting": 12}
    with pod_metrics(plane, [f"{name}-0"], load):
        until_scaled(workspaces, name, 2)
        workspaces.until(name, "AutoscalerReady")
        assert len(plane.get(CLAIMS, f"-l{BUYER['nodeclaim']}={name}")) == 2
    ours = autoscaler()
    assert ours is not None
    assert ours["metadata"]["ownerReferences"][0]["name"] == name
    assert (ours["status"]["desiredReplicas"], workspaces.get(name)["spec"]["replicas"]) == (2, 2)
    plane.kubectl("delete", "hpa", name)
    wait_until(lambda: autoscaler() is not None, "the autoscaler is made again")
    patch = json.dumps({"inference": {"autoscaling": None}})
    plane.kubectl("patch", "workspace", name, "--type=merge", "-p", patch)
    wait_until(lambda: autoscaler() is None, "the autoscaler goes with the range")
    until_scaled(workspaces, name, 2)
    assert workspaces.condition(name, "AutoscalerReady") == ("", "")


@pytest.fixture
def keda(plane: Cluster) -> Iterator[str]:
    """The name of the definition of KEDA's kind, which is served."""
    plane.apply(KEDA)
    wait_until(lambda: plane.serves(PATH), "its kind is served")
    yield NAME
    plane.kubectl("delete", "crd", NAME, "--ignore-not-found")


@pytest.mark.parametrize(
    "scaling",
    [
        {"maxReplicas": 2},
        {"maxReplicas": 2, "metric": "cpu", "target": 1.5},
        {"minReplicas": 0, "maxReplicas": 2, "activationQuery": "rate(asked[1m])"},
    ],
    ids=["load", "cpu", "from nothing"],
)
def test_the_api_server_keeps_all_of_a_scaled_object(
    plane: Cluster, keda: str, settings: Object, scaling: Object
) -> None:
    wanted = Workspaces(plane).inference("kept")
    wanted["inference"]["autoscaling"] = {**scaling, "by": "keda"}
    (made,) = (each for each in render(wanted, settings=settings) if each["kind"] == "ScaledObject")
    taken = dry_run(plane, {**made, "metadata": {**made["metadata"], "namespace": "default"}})
    assert taken["spec"] == made["spec"]


def test_keda_may_go_and_the_server_runs_on(workspaces: Workspaces, keda: str) -> None:
    plane, name = workspaces.plane, "for-keda"
    wanted = workspaces.inference(name)
    wanted["inference"]["autoscaling"] = {"maxReplicas": 2, "by": "keda"}
    workspaces.apply(wanted)
    until_scaled(workspaces, name, 1)
    workspaces.until(name, "AutoscalerReady", "False", "AutoscalerPending")
    (ours,) = plane.get("scaledobjects.keda.sh", f"-lkaito.sh/workspace={name}")
    assert ours["spec"]["scaleTargetRef"] == {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "name": name}
    assert ours["spec"]["maxReplicaCount"] == 2
    patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    plane.kubectl("patch", "scaledobjects.keda.sh", name, "--subresource=status", "--type=merge", "-p", patch)
    workspaces.until(name, "AutoscalerReady")
    plane.kubectl("delete", "crd", keda)
    workspaces.until(name, "AutoscalerReady", "False", "KindNotServed")
    assert "ScaledObject (keda.sh/v1alpha1)" in workspaces.told(name, "AutoscalerReady")["message"]
    assert workspaces.condition(name, "Ready") == ("True", "Ready")


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_scale_tells_the_truth_in_both_versions(workspaces: Workspaces, version: str) -> None:
    name = f"truth-{version}"
    workspaces.node(f"{name}-node", name, gpus=4)
    wanted = workspaces.inference(name, provisioner="byo")
    wanted["apiVersion"] = f"kaito.sh/{version}"
    workspaces.apply(wanted)
    until_scaled(workspaces, name, 1)

    def scale_now() -> Object:
        path = f"/apis/kaito.sh/{version}/namespaces/default/workspaces/{name}/scale"
        found = workspaces.plane.fetch(path)
        assert found is not None
        return found

    assert scale_now()["spec"] == {"replicas": 1}
    assert scale_now()["status"] == {"replicas": 1, "selector": f"kaito.sh/workspace={name}"}
    refused = workspaces.plane.kubectl("scale", f"workspace/{name}", "--replicas=2000000", check=False)
    assert "less than or equal to" in refused


def test_what_a_user_writes_in_the_yaml_counts_from_when_it_is_written(workspaces: Workspaces) -> None:
    for number in range(2):
        workspaces.node(f"written-{number}", "written")
    wanted = workspaces.inference("written", provisioner="byo")
    wanted["inference"]["replicas"] = 2
    workspaces.apply(wanted)
    until_scaled(workspaces, "written", 2)
    assert workspaces.get("written")["spec"] == {"replicas": 2}
    scale(workspaces, "written", 1)
    until_scaled(workspaces, "written", 1)
    # The same file again, as a pipeline applies it, leaves the number alone.
    workspaces.plane.apply(wanted)
    workspaces.plane.kubectl("annotate", "workspace", "written", "example.com/touched=1")
    until_scaled(workspaces, "written", 1)
    patch = json.dumps({"inference": {"replicas": 0}})
    workspaces.plane.kubectl("patch", "workspace", "written", "--type=merge", "-p", patch)
    until_scaled(workspaces, "written", 0)
    assert workspaces.condition("written", "Ready") == ("True", "ScaledToZero")
    assert workspaces.condition("written", "InferenceReady") == ("False", "ScaledToZero")
    scale(workspaces, "written", 1)
    until_scaled(workspaces, "written", 1)
    assert workspaces.condition("written", "InferenceReady")[0] == "True"


def test_a_template_of_the_users_own_is_scaled_and_runs_on(workspaces: Workspaces) -> None:
    for number in range(2):
        workspaces.node(f"own-{number}", "own-scaled")
    wanted = workspaces.inference("own-scaled", provisioner="byo")
    container = {"name": "own", "image": "registry.example/own:1", "ports": [{"containerPort": 5000}]}
    wanted["inference"] = {"template": {"spec": {"containers": [container]}}}
    workspaces.apply(wanted)
    until_scaled(workspaces, "own-scaled", 1)
    scale(workspaces, "own-scaled", 2)
    until_scaled(workspaces, "own-scaled", 2)
    scale(workspaces, "own-scaled", 1)
    until_scaled(workspaces, "own-scaled", 1)


def test_a_tuned_model_is_served_once(workspaces: Workspaces) -> None:
    workspaces.apply(workspaces.tuning("tuned-once"))
    refused = workspaces.plane.kubectl("scale", "workspace/tuned-once", "--replicas=2", check=False)
    assert "spec.replicas must be 1" in refused
