"""A server of several pods: how many answer, and which nodes have to stay for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmwright.targets.kubernetes.operator.observe.occupied_nodes import sparing
from llmwright.targets.kubernetes.operator.observe.workloads import serving_workload
from llmwright.values.nodes import NodeRequest

Object = Mapping[str, Any]

NODES = {f"n{number}": {"status": {"conditions": [{"type": "Ready", "status": "True"}]}} for number in range(4)}
HELD = tuple(NODES)


def pod(number: int, *, ready: bool = True, leaving: bool = False, node: str | None = "", kind: str = "") -> Object:
    """The pod of a StatefulSet with that ordinal, on a node of its own."""
    owner = {"kind": kind or "StatefulSet", "name": "ws", "uid": "u", "controller": True}
    leaves = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}
    labels = {"controller-revision-hash": "a"}
    state = {"name": "ws", "ready": ready, "restarts": 0, "state": {"running": {}}, "last": {}}
    return {
        "metadata": {"name": f"ws-{number}", "ownerReferences": [owner], "labels": labels, **leaves},
        "spec": {"nodeName": f"n{number}" if node == "" else node},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready), "reason": "", "message": ""}],
            "containers": [state],
        },
    }


def server(replicas: int, seen: int = 1) -> Object:
    metadata = {"name": "ws", "generation": 1, "annotations": {}}
    return {
        "metadata": metadata,
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": seen, "updateRevision": "a"},
    }


@pytest.mark.parametrize(
    ("asked", "wanted", "pods", "phase", "answering", "ending"),
    [
        (1, 2, [pod(0)], "pending", 1, 0),
        (2, 2, [pod(0), pod(1, ready=False)], "pending", 1, 0),
        (2, 2, [pod(0), pod(1)], "ready", 2, 0),
        (4, 2, [pod(0), pod(1), pod(2), pod(3)], "ready", 2, 0),
        (2, 2, [pod(0), pod(1), pod(2, leaving=True), pod(3)], "ready", 2, 2),
        (2, 2, [pod(0), pod(1, ready=False), pod(2), pod(3)], "pending", 1, 2),
        (4, 0, [pod(0)], "pending", 0, 0),
    ],
)
def test_as_many_have_to_answer_as_are_wanted(
    asked: int, wanted: int, pods: list[Object], phase: str, answering: int, ending: int
) -> None:
    workload = serving_workload(server(asked), pods, NODES.get, "http://ws", wanted=wanted)
    assert (workload.phase, workload.asked, workload.answering) == (phase, asked, answering)
    assert (workload.ending, workload.settled) == (ending, True)
    assert (workload.endpoint == "http://ws") is (phase == "ready")


def test_an_autoscaler_s_number_comes_before_the_workspace_s() -> None:
    pods = [pod(0), pod(1), pod(2)]
    workload = serving_workload(server(3), pods, NODES.get, "http://ws", wanted=1, autoscaled=True)
    assert (workload.phase, workload.answering, workload.ending) == ("ready", 3, 0)


def test_a_pod_that_is_not_needed_any_more_may_end_as_it_likes() -> None:
    lost = pod(3, node="gone")
    assert serving_workload(server(4), [lost], NODES.get, "", wanted=4).reason == "NodeLost"
    assert serving_workload(server(1), [pod(0), lost], NODES.get, "", wanted=1).phase == "ready"


def ask(count: int) -> NodeRequest:
    return NodeRequest(namespace="ns", workspace="ws", count=count)


def test_nodes_go_after_their_pods_and_no_others_go() -> None:
    four = [pod(0), pod(1), pod(2, leaving=True), pod(3)]
    assert sparing(ask(4), four, NODES.get, HELD, 4).count == 4
    before = sparing(ask(2), four, NODES.get, HELD, 2)
    assert (before.count, set(before.occupied)) == (4, {"n0", "n1", "n2", "n3"})
    between = sparing(ask(2), four[:3], NODES.get, HELD, 2)
    assert (between.count, set(between.occupied)) == (3, {"n0", "n1", "n2"})
    after = sparing(ask(2), four[:2], NODES.get, HELD, 2)
    assert (after.count, set(after.occupied)) == (2, {"n0", "n1"})
    assert sparing(ask(0), four[:1], NODES.get, HELD, 0).count == 1
    assert sparing(ask(0), [], NODES.get, HELD, 0).count == 0


def test_a_broken_node_goes_whatever_its_pods_say() -> None:
    broken = {**NODES, "n3": {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}}
    pods = [pod(number, leaving=number == 3) for number in range(4)]
    assert sparing(ask(2), pods, broken.get, HELD, 2).occupied == {"n0", "n1", "n2"}
    # The node of a pod that stays is its provisioner's to judge.
    lost = {**NODES, "n0": broken["n3"]}
    assert sparing(ask(1), pods[:1], lost.get, HELD, 1).occupied == {"n0"}
    gone = {name: node for name, node in NODES.items() if name != "n0"}
    assert sparing(ask(1), pods[:1], gone.get, HELD, 1) == ask(1)


def test_pods_elsewhere_and_pods_that_ended_hold_no_node() -> None:
    ended = {**pod(1), "status": {"phase": "Succeeded", "conditions": [], "containers": []}}
    unplaced = pod(1, node=None)
    assert sparing(ask(1), [pod(0), ended, unplaced], NODES.get, HELD, 1).occupied == {"n0"}
    assert sparing(ask(1), [pod(0), pod(1)], NODES.get, ("n0",), 1).count == 1
    assert sparing(ask(1), [pod(7, kind="ReplicaSet", node="n2")], NODES.get, HELD, 1).occupied == {"n2"}
