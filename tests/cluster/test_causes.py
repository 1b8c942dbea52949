"""Why a Workspace does not do what it should, as its conditions and events say it, and that this passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.cluster.support.kubelet import RUNNING, Kubelet, ended, pods_of, waits
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

NOWHERE = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
"""A node class that no controller of the tests acts on: what a NodeClaim says is what a test has it say."""

OF_CONTAINERS = [
    ("ImagePullError", waits("ImagePullBackOff", 'Back-off pulling image "x:1"'), None, 'Back-off pulling image "x:1"'),
    ("ContainerStartError", waits("CreateContainerConfigError", 'secret "k" not found'), None, 'secret "k" not found'),
    ("ContainerCrashLoopBackOff", waits("CrashLoopBackOff"), ended(3, message="no CUDA"), "with code 3: no CUDA"),
    ("ContainerOOMKilled", waits("CrashLoopBackOff"), ended(137, "OOMKilled"), "more memory than it may"),
]
LASTING = ("ContainerStartError", "ContainerCrashLoopBackOff", "ContainerOOMKilled")


class Patient:
    """A Workspace that serves on a machine whose kubelet the test plays."""

    def __init__(self, workspaces: Workspaces, name: str) -> None:
        self.workspaces, self.name, self.pod = workspaces, name, f"{name}-0"
        self.kubelet = Kubelet(workspaces.plane, f"{name}-node")
        workspaces.node(self.kubelet.node, name, fake=False)
        self.kubelet.ready()
        workspaces.apply(workspaces.inference(name))
        self.recovers()

    def recovers(self) -> None:
        """Its kubelet finds nothing wrong any more, and that shows."""
        self.kubelet.ready()
        self.kubelet.serves(self.pod)
        self.workspaces.until(self.name, "Ready")
        assert self.workspaces.condition(self.name, "InferenceReady")[0] == "True"
        assert self.workspaces.get(self.name)["status"]["state"] == "Ready"

    def is_down(self, reason: str, *words: str, kind: str = "InferenceReady") -> None:
        """A condition, and what adds them up, name the cause and all these words; one event says the same."""

        def is_told() -> bool:
            found = self.workspaces.told(self.name, kind)
            named = all(word in found["message"] for word in words)
            return (found["status"], found["reason"]) == ("False", reason) and named

        wait_until(is_told, f"{kind} says {reason} and {words}")
        assert self.workspaces.condition(self.name, "Ready")[0] == "False"
        self.tells(reason, *words)

    def tells(self, reason: str, *words: str) -> None:
        """There is an event of that cause, or two where it came by two ways."""
        wait_until(lambda: self.workspaces.events(self.name, reason=reason), f"an event says {reason}")
        found = self.workspaces.events(self.name, reason=reason)
        assert len(found) <= 2
        assert all(event["type"] == "Warning" for event in found)
        assert all(word in event["message"] for word in words for event in found), found


def test_what_ails_a_container_is_named_and_passes(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "patient")
    for reason, state, last, words in OF_CONTAINERS:
        server.kubelet.holds(server.pod, state, last)
        server.is_down(reason, f"pod {server.pod}, container", words)
        stalled = ("True", reason) if reason in LASTING else ("False", "Progressing")
        assert server.workspaces.condition(server.name, "Stalled") == stalled
        server.recovers()
    told = [one["reason"] for one in server.workspaces.events(server.name, type="Warning")]
    assert sorted(told) == sorted(reason for reason, *_ in OF_CONTAINERS)


def test_a_container_that_keeps_ending_stays_stalled_through_its_restarts(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "crashing")
    crashed = ended(1, message="OSError: hf_0123456789abcdef may not read the model")
    server.kubelet.holds(server.pod, waits("CrashLoopBackOff"), crashed)
    server.is_down("ContainerCrashLoopBackOff", "with code 1: OSError: *** may not read the model")
    since = server.workspaces.told(server.name, "Stalled")["lastTransitionTime"]
    for state in (RUNNING, crashed, waits("CrashLoopBackOff"), RUNNING):
        server.kubelet.holds(server.pod, state, crashed)
    server.kubelet.holds(server.pod, RUNNING, ended(2, message="still no model"))
    message = "with code 2: still no model"
    wait_until(lambda: message in server.workspaces.told(server.name, "InferenceReady")["message"], message)
    stalled = server.workspaces.told(server.name, "Stalled")
    assert (stalled["status"], stalled["lastTransitionTime"]) == ("True", since)
    server.recovers()


def test_a_node_under_pressure_is_named_and_passes(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "pressed")
    server.kubelet.ready("DiskPressure")

    def warned() -> bool:
        return f"{server.kubelet.node} (DiskPressure)" in server.workspaces.told(server.name, "NodesReady")["message"]

    wait_until(warned, "the pressure shows while all still runs")
    server.workspaces.until(server.name, "Ready")

    def kept_out() -> bool:
        """A scheduler that has not heard of the pressure yet may give the next pod to the node too: it goes again."""
        pod = server.workspaces.plane.fetch(f"/api/v1/namespaces/default/pods/{server.pod}")
        if pod is not None and "nodeName" in pod["spec"] and pod["status"]["phase"] != "Failed":
            server.kubelet.evicts(server.pod, "The node was low on resource: ephemeral-storage.")
        return server.workspaces.condition(server.name, "InferenceReady") == ("False", "NodeDiskPressure")

    wait_until(kept_out, "the pod that replaces the evicted one stays out")
    server.is_down("NodeDiskPressure", f"pod {server.pod}")
    server.recovers()


def test_a_node_that_falls_silent_is_named_and_passes(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "silent")
    server.kubelet.silent()
    server.is_down("NodeLost", f"pod {server.pod}", server.kubelet.node)
    server.workspaces.until(server.name, "ResourceReady", "False", "NodeNotReady")
    assert server.kubelet.node in server.workspaces.told(server.name, "ResourceReady")["message"]
    assert server.workspaces.get(server.name)["status"]["state"] == "NotReady"
    server.recovers()


def test_a_node_that_is_drained_under_a_server_is_named_and_passes(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "drained")
    # The kubelet that would end the pod is played, so the pod goes at once.
    flags = ("--force", "--delete-emptydir-data", "--disable-eviction", "--grace-period=0", "--timeout=60s")
    workspaces.plane.kubectl("drain", server.kubelet.node, *flags)
    server.is_down("Unschedulable", f"pod {server.pod}", "unschedulable")
    workspaces.plane.kubectl("uncordon", server.kubelet.node)
    server.recovers()


def test_a_pod_that_no_node_takes_is_named_and_passes(workspaces: Workspaces) -> None:
    plane = workspaces.plane
    workspaces.node("crowded-node", "crowded")
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    taker = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "taker", "namespace": "default"}}
    container = {"name": "taker", "image": "registry.example/taker:1", "resources": limits}
    plane.apply({**taker, "spec": {"containers": [container], "nodeSelector": {"ws": "crowded"}}})
    plane.kubectl("wait", "--for=condition=Ready", "pod/taker", "--timeout=60s")
    workspaces.apply(workspaces.inference("crowded"))
    workspaces.until("crowded", "InferenceReady", "False", "Unschedulable")
    message = workspaces.told("crowded", "InferenceReady")["message"]
    assert message.startswith("pod crowded-0: ")
    assert "Insufficient nvidia.com/gpu" in message
    wait_until(lambda: workspaces.events("crowded", reason="Unschedulable"), "an event says so")
    plane.kubectl("delete", "pod", "taker", "--force", "--grace-period=0")
    workspaces.until("crowded", "Ready")
    assert len(workspaces.events("crowded", type="Warning")) == 1


def test_a_job_says_what_holds_it_up_and_what_it_died_of(workspaces: Workspaces) -> None:
    plane, kubelet = workspaces.plane, Kubelet(workspaces.plane, "worker-node")
    workspaces.node(kubelet.node, "worker", fake=False)
    kubelet.ready()
    workspaces.apply(workspaces.tuning("worker"))
    wait_until(lambda: [*pods_of(plane, "worker")], "the job has a pod")
    (first,) = pods_of(plane, "worker")
    kubelet.holds(first, waits("ErrImagePull", "manifest unknown"))
    workspaces.until("worker", "JobStarted", "False", "ImagePullError")
    assert f"pod {first}, container" in workspaces.told("worker", "JobStarted")["message"]
    kubelet.serves(first)
    workspaces.until("worker", "JobStarted")
    kubelet.finishes(first, ended(137, "OOMKilled"))
    workspaces.until("worker", "JobStarted", "False", "ContainerOOMKilled")
    assert workspaces.events("worker", reason="ContainerOOMKilled")
    # The Job tries again with another pod, and what the one before died of counts no more.
    wait_until(lambda: [*pods_of(plane, "worker")], "the job tries again")
    (second,) = pods_of(plane, "worker")
    kubelet.serves(second)
    workspaces.until("worker", "JobStarted")
    kubelet.finishes(second, ended(0, "Completed"))
    workspaces.until("worker", "WorkspaceSucceeded")


def test_a_volume_that_is_not_mounted_is_named_and_passes(workspaces: Workspaces) -> None:
    server = Patient(workspaces, "unmounted")
    server.kubelet.cannot_mount(server.pod, 'MountVolume.SetUp failed for volume "config"')
    server.is_down("FailedMount", f"pod {server.pod}", 'volume "config"')
    server.recovers()


@pytest.fixture
def quota(workspaces: Workspaces) -> Iterator[Callable[[str], None]]:
    """Allows no object of a kind to be made in the namespace, or with "" all again.

    The controller that counts is played too: what is not counted is refused in other words.
    """
    plane = workspaces.plane

    def limit(kind: str) -> None:
        plane.kubectl("delete", "resourcequota", "none", "--ignore-not-found")
        if kind:
            found = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": "default"}}
            plane.apply({**found, "spec": {"hard": {kind: "0"}}})
            patch = json.dumps({"status": {"hard": {kind: "0"}, "used": {kind: "0"}}})
            plane.kubectl("patch", "resourcequota", "none", "--subresource=status", "--type=merge", "-p", patch)

    yield limit
    limit("")


def is_rationed(workspaces: Workspaces, name: str, kind: str) -> None:
    """That condition names the quota."""
    workspaces.until(name, kind, "False", "QuotaExceeded")
    assert "exceeded quota: none" in workspaces.told(name, kind)["message"]


def test_a_pod_that_a_quota_keeps_from_being_made_is_named_and_passes(
    workspaces: Workspaces, quota: Callable[[str], None]
) -> None:
    server = Patient(workspaces, "rationed")
    quota("pods")
    workspaces.plane.kubectl("delete", "pod", server.pod, "--force", "--grace-period=0")
    server.is_down("QuotaExceeded", "exceeded quota: none", "limited: pods=0")
    quota("")
    server.recovers()


def test_a_job_whose_pods_a_quota_keeps_from_being_made_says_so(
    workspaces: Workspaces, quota: Callable[[str], None]
) -> None:
    workspaces.node("idle-node", "idle")
    quota("pods")
    workspaces.apply(workspaces.tuning("idle"))
    is_rationed(workspaces, "idle", "JobStarted")
    quota("")
    workspaces.until("idle", "WorkspaceSucceeded")


def test_an_object_of_ours_that_is_refused_is_named_in_the_status(
    workspaces: Workspaces, quota: Callable[[str], None]
) -> None:
    workspaces.node("served-node", "served")
    quota("services")
    workspaces.apply(workspaces.inference("served"))
    is_rationed(workspaces, "served", "InferenceReady")
    assert workspaces.get("served")["status"]["plan"]["provisioner"] == "byo"
    assert len(workspaces.events("served", reason="QuotaExceeded")) <= 1


OF_CLAIMS = [
    ("QuotaExceeded", "creating instance, results in exceeding approved standardNCADSA100v4Family Cores quota"),
    ("InsufficientCapacity", "creating instance, AllocationFailed: no capacity for this size in zone 1"),
    ("AuthorizationFailed", "creating instance, AuthorizationFailed: the client does not have authorization"),
]


@pytest.mark.parametrize(("reason", "message"), OF_CLAIMS)
def test_what_a_cloud_refuses_is_named_and_passes(workspaces: Workspaces, reason: str, message: str) -> None:
    plane, name = workspaces.plane, f"refused-{reason[0].lower()}"
    config = {"mode": "nodeclaim", "nodeClassRef": NOWHERE}
    workspaces.apply(workspaces.inference(name, provisioner="karpenter", provisionerConfig=config))
    wait_until(lambda: plane.get(CLAIMS, f"-lkaito.sh/workspace={name}"), "a node is asked for")
    (claim,) = (one["metadata"]["name"] for one in plane.get(CLAIMS, f"-lkaito.sh/workspace={name}"))
    say_of_claim(plane, claim, [("Launched", "Unknown", "LaunchFailed", message)])
    workspaces.until(name, "ResourceReady", "False", reason)
    told = workspaces.told(name, "ResourceReady")["message"]
    assert claim in told
    assert message in told
    assert workspaces.condition(name, "Stalled") == ("True", reason)
    wait_until(lambda: workspaces.events(name, reason=reason), "an event says so")
    labels = {"kaito.sh/workspace": name, "kaito.sh/workspacenamespace": "default"}
    workspaces.node(f"{name}-node", name, labels=labels)
    stages = ("Launched", "Registered", "Initialized", "Ready")
    say_of_claim(plane, claim, [(stage, "True", stage, "") for stage in stages], f"{name}-node")
    workspaces.until(name, "Ready")
    assert workspaces.condition(name, "NodeClaimReady")[0] == "True"
    assert len(workspaces.events(name, reason=reason)) == 1


def say_of_claim(plane: Cluster, claim: str, conditions: list[tuple[str, str, str, str]], node: str = "") -> None:
    """Write what a controller of Karpenter would."""
    keys = ("type", "status", "reason", "message")
    at = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    said = [{**dict(zip(keys, one, strict=True)), **at} for one in conditions]
    status = {"conditions": said, "nodeName": node, "providerID": f"made-up://{claim}"}
    patch = json.dumps({"status": status})
    plane.kubectl("patch", CLAIMS, claim, "--subresource=status", "--type=merge", "-p", patch)


def test_a_claim_that_karpenter_gives_up_is_named_by_its_event_and_a_rollout_tries_at_once(
    workspaces: Workspaces,
) -> None:
    plane, name = workspaces.plane, "exhausted"
    config = {"mode": "nodeclaim", "nodeClassRef": NOWHERE}
    workspaces.apply(workspaces.inference(name, provisioner="karpenter", provisionerConfig=config))
    first = claim_of(plane, name)
    give_up(plane, first, "creating instance, insufficient capacity, none in zone 1")
    workspaces.until(name, "ResourceReady", "False", "InsufficientCapacity")
    told = workspaces.told(name, "ResourceReady")["message"]
    assert "insufficient capacity, none in zone 1" in told
    assert "the next one is at" in told
    assert workspaces.condition(name, "Stalled") == ("True", "InsufficientCapacity")
    assert workspaces.get(name)["status"]["provisioner"]["state"]["failures"] == 1
    plane.kubectl("annotate", "workspace", name, "llmwright.io/rollout=now")
    second = claim_of(plane, name)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    wait_until(lambda: "failures" not in workspaces.get(name)["status"]["provisioner"]["state"], "it begins anew")
    give_up(plane, second, "creating instance, SubscriptionQuotaReached: no quota left")
    workspaces.until(name, "ResourceReady", "False", "QuotaExceeded")
    assert workspaces.events(name, reason="InsufficientCapacity")


def claim_of(plane: Cluster, name: str) -> Object:
    """Return the NodeClaim of a Workspace, once there is one that stays."""

    def live() -> list[Object]:
        claims = plane.get(CLAIMS, f"-lkaito.sh/workspace={name}")
        return [claim for claim in claims if "deletionTimestamp" not in claim["metadata"]]

    wait_until(live, "a node is asked for")
    return live()[0]


def give_up(plane: Cluster, claim: Object, why: str) -> None:
    """Do as Karpenter does without capacity: tell it by an Event, and delete the NodeClaim."""
    metadata = claim["metadata"]
    about = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": metadata["name"], "uid": metadata["uid"]}
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{metadata['uid'][:8]}", "namespace": "default"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "InsufficientCapacityError",
        "message": f"NodeClaim {metadata['name']} event: {why}",
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": "karpenter"},
    }
    plane.kubectl("create", "-f", "-", stdin=json.dumps(event))
    plane.kubectl("delete", CLAIMS, metadata["name"], "--wait=false")
