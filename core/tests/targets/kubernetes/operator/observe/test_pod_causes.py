"""Root causes and workloads from what a kubelet and the controllers write."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.operator.cache.projection import project_pod
from llmwright.targets.kubernetes.operator.observe.pod_causes import (
    is_about,
    mounts_no_image,
    pressure_behind,
    root_cause,
    with_mount_cause,
)
from llmwright.targets.kubernetes.operator.observe.workloads import job_workload, serving_workload
from llmwright.values.node_object import NodeObject, node_object

Object = dict[str, Any]

READY_NODE = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
LOST_NODE = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}


def pod(state: Object | None = None, last: Object | None = None, **status: Any) -> Object:
    container = {"name": "ws", "ready": False, "restartCount": 1, "state": state or {}, "lastState": last or {}}
    return project_pod(
        {
            "metadata": {"name": "ws-0", "namespace": "ns", "resourceVersion": "1"},
            "spec": {"nodeName": "n1"},
            "status": {"phase": "Pending", "containerStatuses": [container], **status},
        }
    )


def waiting(reason: str) -> Object:
    return {"waiting": {"reason": reason, "message": f"because of {reason}"}}


OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


def unscheduled(*refusals: str) -> Object:
    message = f"0/{len(refusals)} nodes are available: {', '.join(refusals)}. preemption: not helpful for scheduling."
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}


OTHERS = "4 node(s) didn't match Pod's node affinity/selector"
DISK = "1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }"
MEMORY = "1 node(s) had untolerated taint {node.kubernetes.io/memory-pressure: }"
TAKEN = "1 Insufficient nvidia.com/gpu"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (pod(waiting("ImagePullBackOff")), "ImagePullError"),
        (pod(waiting("CreateContainerConfigError")), "ContainerStartError"),
        (pod(waiting("CrashLoopBackOff"), {"terminated": {"exitCode": 1}}), "ContainerCrashLoopBackOff"),
        (pod(waiting("CrashLoopBackOff"), OOM), "ContainerOOMKilled"),
        (pod(conditions=[unscheduled(TAKEN)]), "Unschedulable"),
        (pod(conditions=[unscheduled(OTHERS)]), "Unschedulable"),
        (pod(conditions=[unscheduled(DISK, OTHERS)]), "NodeDiskPressure"),
        (pod(conditions=[unscheduled(OTHERS, MEMORY)]), "NodeMemoryPressure"),
        (pod(conditions=[unscheduled(DISK, TAKEN)]), "Unschedulable"),
        (pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."), "NodeMemoryPressure"),
        (pod(phase="Failed", reason="Evicted", message="low on ephemeral-storage"), "NodeDiskPressure"),
        (pod(phase="Failed", reason="Evicted", message="preempted"), "PodEvicted"),
        (pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]), "SchedulingGated"),
        (pod(waiting("ContainerCreating")), None),
    ],
)
def test_each_cause_is_named(found: Object, reason: str | None) -> None:
    cause = root_cause([found], lambda _: READY_NODE)
    assert (cause.reason if cause else None) == reason
    assert cause is None or "ws-0" in cause.message


def test_why_weights_do_not_come_is_told_by_the_last_words() -> None:
    words = "error: TokenInvalid: the hub does not know the token hf_abcdefgh12345 (make a new one)"
    ended = {"terminated": {"exitCode": 2, "message": f"loading\n{words}"}}
    cause = root_cause([pod(waiting("CrashLoopBackOff"), ended)], lambda _: READY_NODE)
    assert cause is not None
    assert cause.reason == "TokenInvalid"
    assert cause.message == "pod ws-0, container ws: the hub does not know the token *** (make a new one)"
    failed = {"status": {"conditions": [{"type": "Failed", "status": "True"}]}, "metadata": {}}
    job = job_workload(failed, [pod(ended, phase="Failed")], lambda _: READY_NODE)
    assert (job.phase, job.reason) == ("failed", "TokenInvalid")


COUNTED = "1 node(s) had untolerated taint(s)"


def pressed(*kinds: str) -> NodeObject:
    conditions = [{"type": kind, "status": "True"} for kind in ("Ready", *kinds)]
    return node_object({"metadata": {"name": "n1"}, "spec": {}, "status": {"conditions": conditions}})


@pytest.mark.parametrize(
    ("refusals", "nodes", "reason"),
    [
        ((COUNTED, OTHERS), [pressed("DiskPressure")], "NodeDiskPressure"),
        ((COUNTED,), [pressed("MemoryPressure"), pressed("MemoryPressure", "DiskPressure")], "NodeMemoryPressure"),
        ((COUNTED,), [pressed("DiskPressure"), pressed()], None),
        ((COUNTED,), [pressed("DiskPressure", "MemoryPressure")], None),
        ((COUNTED, TAKEN), [pressed("DiskPressure")], None),
        ((OTHERS,), [pressed("DiskPressure")], None),
        ((COUNTED,), [], None),
    ],
)
def test_a_taint_that_is_only_counted_is_told_by_the_nodes(
    refusals: tuple[str, ...], nodes: list[NodeObject], reason: str | None
) -> None:
    cause = root_cause([pod(conditions=[unscheduled(*refusals)])], lambda _: READY_NODE)
    assert cause is not None
    assert cause.reason == "Unschedulable"
    assert pressure_behind(cause.message, nodes) == reason


@pytest.mark.parametrize("node", [None, LOST_NODE])
def test_a_pod_on_a_lost_node_is_lost(node: Object | None) -> None:
    cause = root_cause([pod({"running": {}})], lambda _: node)
    assert cause is not None
    assert cause.reason == "NodeLost"


def server(**status: Any) -> Object:
    metadata = {
        "name": "ws",
        "generation": 2,
        "annotations": {"llmwright.io/launch": "d", "llmwright.io/inputs": "i"},
    }
    return {"metadata": metadata, "spec": {"replicas": 1}, "status": {"observedGeneration": 2, **status}}


def of_revision(revision: str, **metadata: Any) -> Object:
    found = pod({"running": {}}, phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    return {**found, "metadata": {**found["metadata"], "labels": {"controller-revision-hash": revision}, **metadata}}


SERVING = of_revision("a")
LEAVING = of_revision("a", deletionTimestamp="2026-01-01T00:00:00Z")


def test_what_its_controller_has_not_looked_at_yet_is_not_settled() -> None:
    for seen, settled in ((1, False), (2, True)):
        found = server(readyReplicas=1, updateRevision="a", observedGeneration=seen)
        assert serving_workload(found, [SERVING], lambda _: READY_NODE, "http://ws").settled is settled


@pytest.mark.parametrize(
    ("found", "phase"),
    [
        (server(readyReplicas=1, updateRevision="a"), "ready"),
        (server(readyReplicas=0, updateRevision="a"), "ready"),
        (server(readyReplicas=1, updateRevision="b", updatedReplicas=1), "pending"),
        (server(), "pending"),
        (None, "absent"),
    ],
)
def test_a_server_is_ready_when_every_pod_of_the_latest_launch_is(found: Object | None, phase: str) -> None:
    workload = serving_workload(found, [SERVING], lambda _: READY_NODE, "http://ws")
    assert workload.phase == phase
    assert (workload.endpoint == "http://ws") == (phase == "ready")
    assert found is None or (workload.digest, workload.inputs) == ("d", "i")


@pytest.mark.parametrize("pods", [[], [pod({"running": {}})], [LEAVING]])
def test_a_server_whose_pods_do_not_answer_any_more_is_not_ready(pods: list[Any]) -> None:
    found = server(readyReplicas=1, updateRevision="a")
    assert serving_workload(found, pods, lambda _: READY_NODE, "http://ws").phase == "pending"


def test_a_server_scaled_to_nothing_is_not_ready() -> None:
    found = {**server(readyReplicas=0), "spec": {"replicas": 0}}
    assert serving_workload(found, [], lambda _: READY_NODE, "http://ws").phase == "pending"


def test_a_job_says_when_it_was_done_and_what_it_died_of() -> None:
    ended = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    job = {"metadata": {"name": "ws"}, "spec": {}, "status": {"conditions": [ended]}}
    done = job_workload(job, [], lambda _: READY_NODE)
    assert done.phase == "succeeded"
    assert done.since is not None
    assert done.since.year == 2026
    failed = {"metadata": {"name": "ws"}, "spec": {}, "status": {"conditions": [{**ended, "type": "Failed"}]}}
    last = pod({"terminated": {"exitCode": 2, "message": "row 3 is no question"}}, phase="Failed")
    found = job_workload(failed, [last], lambda _: READY_NODE)
    assert found.phase == "failed"
    assert "row 3 is no question" in found.message


def of_job(made: str, state: Object, **status: Any) -> Object:
    found = pod(state, **status)
    return {**found, "metadata": {**found["metadata"], "name": f"ws-{made}", "creationTimestamp": made}}


def test_of_a_jobs_attempts_the_latest_counts() -> None:
    job = {"metadata": {"name": "ws"}, "spec": {}, "status": {}}
    first = of_job("2026-01-01T00:00:01Z", OOM, phase="Failed")
    running = of_job("2026-01-01T00:00:02Z", {"running": {}}, phase="Running")
    second = of_job("2026-01-01T00:00:02Z", {"terminated": {"exitCode": 2}}, phase="Failed")
    assert job_workload(job, [first], lambda _: READY_NODE).reason == "ContainerOOMKilled"
    assert job_workload(job, [running, first], lambda _: READY_NODE).phase == "running"
    failed = {**job, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    found = job_workload(failed, [second, first], lambda _: READY_NODE)
    assert (found.phase, found.reason, found.message) == ("failed", "", "container ws ended with code 2")


CRASHED = {"terminated": {"exitCode": 1, "message": "ValueError: no such model\n"}}
LOOP = "ContainerCrashLoopBackOff"


def restarted(state: Object, restarts: int, last: Object | None = CRASHED, *, ready: bool = False) -> Object:
    container = {"name": "ws", "ready": ready, "restartCount": restarts, "state": state, "lastState": last or {}}
    return pod(containerStatuses=[container], phase="Running")


@pytest.mark.parametrize(
    ("found", "before", "reason"),
    [
        (restarted({"running": {}}, 2), "", LOOP),
        (restarted(CRASHED, 2), LOOP, LOOP),
        (restarted({"running": {}}, 1), LOOP, LOOP),
        (restarted({"running": {}}, 1), "", None),
        (restarted(CRASHED, 0, None), "", None),
        (restarted({"running": {}}, 7, ready=True), LOOP, None),
        (restarted({"running": {}}, 3, {"terminated": {"exitCode": 0}}), LOOP, None),
        (restarted({"running": {}}, 0, None), LOOP, None),
        (restarted(waiting("ContainerCreating"), 0, None), LOOP, None),
    ],
)
def test_a_container_that_keeps_ending_does_so_until_it_is_ready(
    found: Object, before: str, reason: str | None
) -> None:
    cause = root_cause([found], lambda _: READY_NODE, before)
    assert (cause.reason if cause else None) == reason
    assert cause is None or "with code 1: ValueError: no such model" in cause.message


def test_a_crash_loop_is_one_failure_through_all_its_restarts() -> None:
    """Kubelet 1.34: the first restart is at once; then the container waits, runs and ends in turns."""
    turns = [
        (restarted({"running": {}}, 0, None), "pending"),
        (restarted({"running": {}}, 1), "pending"),
        (restarted(waiting("CrashLoopBackOff"), 1), "failed"),
        (restarted({"running": {}}, 2), "failed"),
        (restarted(CRASHED, 2), "failed"),
        (restarted(waiting("CrashLoopBackOff"), 2), "failed"),
        (restarted({"running": {}}, 3), "failed"),
    ]
    for found, phase in turns:
        assert serving_workload(server(), [found], lambda _: READY_NODE, "http://ws").phase == phase


def test_secrets_in_last_words_are_hidden() -> None:
    ended = {"terminated": {"exitCode": 1, "message": "401 with hf_0123456789abcdef"}}
    cause = root_cause([restarted(waiting("CrashLoopBackOff"), 3, ended)], lambda _: READY_NODE)
    assert cause is not None
    assert cause.message.endswith("with code 1: 401 with ***")


def test_a_container_that_mounts_an_image_names_the_node_that_can_mount_none() -> None:
    def runs(version: str) -> dict[str, Any]:
        return {"status": {"nodeInfo": {"containerRuntimeVersion": version}}}

    said = 'pod w-0, container w: failed to mkdir "": no such file or directory'
    told = with_mount_cause(said, {"new": runs("containerd://2.1.4"), "old": runs("containerd://1.6.20")})
    assert told.startswith("node old runs containerd 1.6.20, which mounts no images as volumes (containerd 2.1 does)")
    assert "set imageVolumes: false" in told
    assert told.endswith(said)
    assert with_mount_cause(said, {"new": runs("containerd://2.1.4"), "gone": None}) == said

    assert is_about(said, {"metadata": {"name": "w-0"}})
    unknown = "pod w-0: MountVolume.SetUp failed: no volume plugin matched"
    assert is_about(unknown, {"metadata": {"name": "w-0"}})
    assert not is_about(unknown, {"metadata": {"name": "w"}})
    assert mounts_no_image("FailedMount", unknown)
    assert not mounts_no_image("FailedMount", "pod w-0: configmap not found")
    told = with_mount_cause(unknown, {"new": runs("containerd://2.1.4")})
    assert told == (
        "node new: its kubelet has the feature gate ImageVolume off; set imageVolumes: false, or use other nodes: "
        + unknown
    )
    told = with_mount_cause(unknown, {"old": runs("containerd://1.6.20")})
    assert told.startswith("node old: its kubelet has the feature gate ImageVolume off, and it runs containerd 1.6.20")
