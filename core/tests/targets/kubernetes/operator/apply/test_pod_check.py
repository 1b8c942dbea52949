"""Pods are tried before nodes are asked for, and only those that are to come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.lifecycle.observed import Observed, Workload
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.operator.apply.pod_check import PodCheck, left_out, roles_to_come
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import NodeRequest, ProvisionerAction, ProvisionerDecision, Ready, Waiting
from llmwright.values.plan import Plan

KEY = ("ns", "ws")
LAUNCH = Launch(main=Process(name="serve", argv=("serve",)))
BUYS = ProvisionerDecision(outcome=Waiting("Making", ""), actions=(ProvisionerAction(verb="create", name="n"),))
FIRST = Observed(provision=BUYS)
STATEFULSET = {
    "kind": "StatefulSet",
    "metadata": {"name": "ws", "namespace": "ns"},
    "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}},
}


def plan(count: int = 1, **roles: Launch) -> Plan:
    nodes = NodeRequest(namespace="ns", workspace="ws", count=count)
    given = {"nodes": nodes, "tuning": None, "serving": None, **roles}
    return cast("Plan", SimpleNamespace(**given))


THERE = ProvisionerDecision(outcome=Ready())


def no_images(_: Launch) -> bool:
    return False


@pytest.mark.parametrize(
    ("planned", "observed", "expected"),
    [
        (plan(serving=LAUNCH), FIRST, ["serving"]),
        (plan(serving=LAUNCH, tuning=LAUNCH), FIRST, ["tuning", "serving"]),
        (plan(serving=LAUNCH), Observed(), []),
        (plan(serving=LAUNCH), Observed(provision=replace(BUYS, outcome=Ready())), []),
        (plan(0, serving=LAUNCH), FIRST, []),
        # A node is lost, and the pod that it had waits for another: it counts against the quota already.
        (plan(serving=LAUNCH), replace(FIRST, serving=Workload(phase="pending", pods=1)), []),
        (plan(3, serving=LAUNCH), replace(FIRST, serving=Workload(phase="ready", pods=1)), ["serving"]),
        (plan(tuning=LAUNCH), replace(FIRST, tuning=Workload(phase="pending")), []),
    ],
)
def test_only_pods_that_are_to_come_are_tried(planned: Plan, observed: Observed, expected: list[str]) -> None:
    assert [role for role, _ in roles_to_come(planned, observed, no_images)] == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (Observed(provision=THERE), ["tuning", "serving"]),
        (Observed(provision=ProvisionerDecision(outcome=Waiting("NodesMissing", ""))), ["tuning", "serving"]),
        (Observed(provision=THERE, tuning=Workload(phase="running")), ["serving"]),
        (Observed(provision=THERE, tuning=Workload(phase="running"), serving=Workload(phase="ready", pods=1)), []),
    ],
)
def test_pods_that_mount_an_image_are_tried_on_nodes_that_somebody_brings_too(
    observed: Observed, expected: list[str]
) -> None:
    planned = plan(3, serving=LAUNCH, tuning=LAUNCH)
    assert [role for role, _ in roles_to_come(planned, observed, lambda _: True)] == expected


class Cluster:
    """Answers dry runs with ``error``, or admits."""

    def __init__(self) -> None:
        self.error: ApiError | None = None
        self.tried: list[dict[str, Any]] = []
        self.called = threading.Event()

    def create(self, _: Any, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        assert dry_run
        self.tried.append(body)
        if self.error is not None:
            raise self.error
        return body

    def check(self) -> Callable[[], Observed]:
        """Return what looks, waits for the answer, and looks again."""
        tasks = Tasks(1)
        check = PodCheck(cast("Any", self), Memory(), tasks, lambda *_: self.called.set(), no_images)

        def look() -> Observed:
            first = check.seen(KEY, plan(serving=LAUNCH), FIRST, lambda *_: (STATEFULSET,))
            if not first.no_nodes_yet:
                return first
            assert self.called.wait(10)
            while tasks.is_busy(("pods", KEY)):
                pass
            return check.seen(KEY, plan(serving=LAUNCH), FIRST, lambda *_: (STATEFULSET,))

        return look


def refused(code: int, message: str) -> ApiError:
    return ApiError(f"POST /api/v1/namespaces/ns/pods: {message}", code=code, reason="Forbidden")


def test_a_pod_that_is_admitted_holds_nothing_up() -> None:
    cluster = Cluster()
    assert cluster.check()().no_nodes is None
    (pod,) = cluster.tried
    assert (pod["kind"], pod["metadata"]) == ("Pod", {"labels": {"a": "b"}, "name": "ws-to-come", "namespace": "ns"})


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (403, 'pods "ws-to-come" is forbidden: exceeded quota: tight, requested: pods=1', "QuotaExceeded"),
        (403, 'pods "ws-to-come" is forbidden: violates PodSecurity "restricted:latest"', "PodRefused"),
        (400, 'admission webhook "acme" denied the request: no', "PodRefused"),
        (422, "Pod is invalid", "PodRefused"),
    ],
)
def test_a_refusal_is_told_in_the_clusters_words(code: int, message: str, reason: str) -> None:
    cluster = Cluster()
    cluster.error = refused(code, message)
    seen = cluster.check()()
    assert seen.no_nodes is not None
    assert not seen.no_nodes_yet
    assert seen.no_nodes.reason == reason
    assert seen.no_nodes.message == f"the cluster would refuse the pod: {message}"


@pytest.mark.parametrize(
    ("source", "hint"), [({"image": {"reference": "r.example/m:1"}}, "set imageVolumes: false"), ({"csi": {}}, "")]
)
def test_a_volume_that_the_cluster_leaves_out_is_told(source: dict[str, Any], hint: str) -> None:
    home = {"name": "home", "emptyDir": {}}
    pod = {"spec": {"volumes": [home, {"name": "v", **source}]}}
    assert left_out(pod, pod) == ""
    told = left_out(pod, {"spec": {"volumes": [home]}})
    assert told.startswith("the cluster would leave out the volume v of the pod")
    assert hint in told


@pytest.mark.parametrize("code", [0, 429, 500])
def test_a_server_that_cannot_say_is_asked_again(code: int) -> None:
    cluster = Cluster()
    cluster.error = refused(code, "etcd is away")
    seen = cluster.check()()
    assert seen.no_nodes is not None
    assert (seen.no_nodes.reason, seen.no_nodes_yet) == ("PodCheckFailed", True)


@pytest.mark.parametrize(
    "message",
    [
        'pods is forbidden: User "a" cannot create resource "pods" in API group "" in the namespace "ns"',
        'admission webhook "acme" does not support dry run',
    ],
)
def test_who_may_not_ask_goes_on_as_before(message: str) -> None:
    cluster = Cluster()
    cluster.error = refused(403, message)
    assert cluster.check()().no_nodes is None
