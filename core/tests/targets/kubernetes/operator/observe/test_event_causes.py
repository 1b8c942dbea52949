"""Which Events explain why a workload waits, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from llmwright.lifecycle.observed import Workload
from llmwright.targets.kubernetes.operator.cache.projection import project_event
from llmwright.targets.kubernetes.operator.observe.event_causes import explained, with_eviction

Object = dict[str, Any]

QUOTA = 'create Pod ws-0 failed: pods "ws-0" is forbidden: exceeded quota: gpus, requested: pods=1, limited: pods=0'
ROOT = 'create Pod ws-0 failed: pods "ws-0" is forbidden: violates PodSecurity "restricted:latest"'
VOLUME = 'MountVolume.SetUp failed for volume "config" : configmap "config" not found'

PENDING = Workload(phase="pending")


def event(uid: str, reason: str, message: str, minute: int = 0) -> Object:
    involved = {"kind": "StatefulSet", "namespace": "ns", "name": "ws", "uid": uid, "apiVersion": "apps/v1"}
    moment = f"2026-01-01T00:{minute:02}:00Z"
    metadata = {"name": f"ws.{minute}", "namespace": "ns", "resourceVersion": "1"}
    told = {"reason": reason, "message": message, "lastTimestamp": moment}
    return project_event({"metadata": metadata, "involvedObject": involved, **told})


def said(*events: Object) -> Any:
    def of(found: Object) -> Sequence[Object]:
        return [one for one in events if one["involvedObject"]["uid"] == found["metadata"]["uid"]]

    return of


def statefulset(made: int, wanted: int = 1) -> Object:
    return {"metadata": {"uid": "set"}, "spec": {"replicas": wanted}, "status": {"replicas": made}}


def job(**status: int) -> Object:
    return {"metadata": {"uid": "set"}, "spec": {}, "status": status}


def pod(begins: str | None) -> Object:
    conditions = [{"type": "PodReadyToStartContainers", "status": begins}] if begins else []
    return {"metadata": {"uid": "pod", "name": "ws-0"}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("found", "message", "reason"),
    [
        (statefulset(0), QUOTA, "QuotaExceeded"),
        (statefulset(1, 2), ROOT, "FailedCreate"),
        (statefulset(1), QUOTA, ""),
        (job(), QUOTA, "QuotaExceeded"),
        (job(active=1), QUOTA, ""),
        (job(failed=1), QUOTA, ""),
    ],
)
def test_pods_that_are_not_made_are_explained_for_as_long_as_they_are_missing(
    found: Object, message: str, reason: str
) -> None:
    told = explained(PENDING, found, [], said(event("set", "FailedCreate", message)))
    assert (told.phase, told.reason, told.message) == ("pending", reason, message if reason else "")


@pytest.mark.parametrize(("begins", "reason"), [("False", "FailedMount"), ("True", ""), (None, "")])
def test_a_volume_that_is_not_mounted_is_named_until_the_pod_is_set_up(begins: str | None, reason: str) -> None:
    told = explained(PENDING, statefulset(1), [pod(begins)], said(event("pod", "FailedMount", VOLUME)))
    assert told.reason == reason
    assert not reason or told.message == f"pod ws-0: {VOLUME}"


@pytest.mark.parametrize("reason", ["FailedAttachVolume", "FailedCreatePodSandBox"])
def test_what_else_keeps_a_node_from_setting_a_pod_up_is_named(reason: str) -> None:
    events = [event("pod", "FailedMount", VOLUME, 1), event("pod", reason, "Multi-Attach error", 2)]
    told = explained(PENDING, statefulset(1), [pod("False")], said(*events))
    assert (told.reason, told.message) == (reason, "pod ws-0: Multi-Attach error")


def test_of_several_events_the_latest_counts_and_others_objects_do_not() -> None:
    events = [event("set", "FailedCreate", ROOT, 2), event("set", "FailedCreate", QUOTA, 1)]
    assert explained(PENDING, statefulset(0), [], said(*events)).reason == "FailedCreate"
    assert explained(PENDING, statefulset(0), [], said(event("other", "FailedCreate", QUOTA))) == PENDING


def test_what_has_a_cause_or_does_not_wait_is_left_as_it_is() -> None:
    of = said(event("set", "FailedCreate", QUOTA))
    for workload in (Workload(phase="ready"), Workload(phase="pending", reason="Unschedulable"), Workload()):
        assert explained(workload, statefulset(0), [], of) == workload
    assert explained(PENDING, None, [], of) == PENDING


DISK = 'Container main exceeded its local ephemeral storage limit "64Mi".'
NODE = "The node was low on resource: ephemeral-storage. Container main was using 28Ki, request is 0."
USED = "Pod ephemeral local storage usage exceeds the total limit of containers 64Mi."


@pytest.mark.parametrize(
    ("minute", "message", "reason"),
    [(9, USED, "PodEvicted"), (9, DISK, "PodEvicted"), (9, NODE, "NodeDiskPressure"), (2, USED, "")],
    ids=["its own use", "its container's", "the node's", "long before"],
)
def test_a_pod_that_was_evicted_is_named_while_another_takes_its_place(minute: int, message: str, reason: str) -> None:
    following = {"metadata": {"uid": "next", "name": "ws-0", "creationTimestamp": "2026-01-01T00:10:00Z"}}
    gone = event("pod", "Evicted", message, minute)
    found = with_eviction(PENDING, [following], lambda _: [gone])
    assert (found.phase, found.reason) == ("pending", reason)
    assert (message in found.message) == bool(reason)
    for other in (Workload(phase="ready"), Workload(phase="pending", reason="Unschedulable", message="no node")):
        assert with_eviction(other, [following], lambda _: [gone]) == other
