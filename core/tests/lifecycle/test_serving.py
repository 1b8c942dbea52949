"""Scaling: pods before nodes on the way down, nodes before pods on the way up, and Ready only where it is true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from core.tests.lifecycle.support.lifecycle_world import NOW, launch, plan, truth, workspace

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Provision, Scale, Start
from llmwright.lifecycle.observed import Observed, Workload
from llmwright.values.nodes import Failed, Node, NodeRequest, ProvisionerAction, ProvisionerDecision, Ready, Waiting
from llmwright.values.plan import Plan

SERVE = launch("serve")
DELETE = ProvisionerAction(verb="delete", name="node-3")
RELEASING = Waiting("NodesReleasing", "node-0 is being deleted")


def planned(count: int, inputs: str = "1") -> Plan:
    return plan(inputs, serving=SERVE, nodes=NodeRequest(namespace="default", workspace="demo", count=count))


def nodes(count: int, *actions: ProvisionerAction) -> ProvisionerDecision:
    return ProvisionerDecision(outcome=Ready(tuple(Node(name=f"node-{n}") for n in range(count))), actions=actions)


def pods(phase: Any = "ready", asked: int | None = 1, inputs: str = "1", **more: Any) -> Workload:
    return Workload(phase=phase, digest=SERVE.digest, inputs=inputs, asked=asked, **more)


def passed(
    count: int,
    server: Workload,
    held: ProvisionerDecision,
    before: WorkspaceStatus | None = None,
    inputs: str = "1",
    generation: int = 2,
) -> Decision:
    wanted = workspace(tuned=False, generation=generation)
    observed = Observed(provision=held, release=ProvisionerDecision(outcome=Ready(())), serving=server)
    return decide(wanted, planned(count, inputs), observed, before, NOW)


def was_ready(count: int) -> WorkspaceStatus:
    status = passed(count, pods(asked=count), nodes(count), generation=1).status
    assert truth(status)["Ready"] == ("True", "Ready")
    return status


def test_a_server_that_is_tried_once_more_is_stalled_until_it_answers() -> None:
    crash: dict[str, Any] = {"reason": "ContainerCrashLoopBackOff", "message": "no GPU"}
    for phase in ("failed", "pending"):
        status = passed(1, pods(phase, crashing=phase == "pending", **crash), nodes(1)).status
        assert truth(status)["Stalled"] == ("True", "ContainerCrashLoopBackOff")
    assert truth(passed(1, pods("pending", **crash), nodes(1)).status)["Stalled"][0] == "False"


def test_what_a_runtime_waits_for_is_no_warning_unless_the_server_answered() -> None:
    waits: dict[str, Any] = {"reason": "HeadStarting", "message": "its head is not ready yet"}
    for awaited, before, kind in ((True, None, "Normal"), (True, was_ready(1), "Warning"), (False, None, "Warning")):
        events = passed(1, pods("pending", awaited=awaited, **waits), nodes(1), before).events
        assert ("HeadStarting", kind) in {(event.reason, event.type) for event in events}


def test_more_pods_come_after_their_nodes() -> None:
    waiting = ProvisionerDecision(outcome=Waiting("NodeClaimNotReady", "1 of 2 are ready"))
    first = passed(2, pods("pending", answering=1), waiting, was_ready(1))
    assert first.actions == ()
    second = passed(2, pods("pending", answering=1), nodes(2), first.status)
    assert second.actions == (Scale(2),)


@pytest.mark.parametrize("inputs", ["1", "2"])
def test_ready_with_a_new_generation_is_not_said_before_all_replicas_answer(inputs: str) -> None:
    status, now = was_ready(1), pods("pending", 1, answering=1)
    for server in (now, replace(now, asked=2, settled=False), replace(now, asked=2), replace(now, asked=2)):
        status = passed(2, server, nodes(2), status, inputs).status
        assert status.observed_generation == 2
        assert truth(status)["Ready"][0] == truth(status)["InferenceReady"][0] == "False"
        condition = status.condition("InferenceReady")
        assert condition is not None
        assert condition.message == "1 of 2 replicas answer"
    assert truth(passed(2, pods(asked=2, inputs=inputs), nodes(2), status, inputs).status)["Ready"][0] == "True"


@pytest.mark.parametrize("inputs", ["1", "2"])
def test_on_the_way_down_pods_go_first_and_ready_stays(inputs: str) -> None:
    status, seen = was_ready(4), []
    steps = [
        (pods(asked=4), nodes(4)),
        (pods(asked=2, inputs=inputs, settled=False, ending=2), nodes(4)),
        (pods(asked=2, inputs=inputs, ending=2), nodes(4)),
        (pods(asked=2, inputs=inputs, ending=1), nodes(3, DELETE)),
        (pods(asked=2, inputs=inputs), nodes(2, DELETE)),
        (pods(asked=2, inputs=inputs), nodes(2)),
    ]
    for server, held in steps:
        decision = passed(2, server, held, status, inputs)
        status = decision.status
        seen.append([type(action) for action in decision.actions])
        assert truth(status)["Ready"] == ("True", "Ready")
        assert truth(status)["InferenceReady"][0] == truth(status)["WorkspaceReady"][0] == "True"
        assert truth(status)["Stalled"][0] == "False"
        begun = server.ending or len(status.worker_nodes) > 2
        assert truth(status)["Reconciling"][0] == ("True" if begun else "False")
    assert seen[0] == [Scale if inputs == "1" else Start]
    assert seen[1:] == [[], [], [Provision], [Provision], []]


def test_fewer_pods_wait_for_no_node() -> None:
    broken = ProvisionerDecision(outcome=Waiting("NodeNotReady", "node-0 is not ready"))
    decision = passed(2, pods("pending", 4, answering=1), broken, was_ready(4))
    assert decision.actions == (Scale(2),)


def test_what_an_autoscaler_sets_the_size_of_is_left_alone() -> None:
    decision = passed(1, pods(asked=3, autoscaled=True), nodes(1), was_ready(1))
    assert decision.actions == ()
    assert truth(decision.status)["Ready"][0] == "True"


def test_a_changed_launch_is_not_ready_before_its_controller_looked_at_it() -> None:
    rolling = replace(pods(), digest="another")
    first = passed(1, rolling, nodes(1), was_ready(1), "2")
    assert [type(action) for action in first.actions] == [Start]
    assert truth(first.status)["Ready"][0] == "False"
    second = passed(1, pods(inputs="2", settled=False), nodes(1), first.status, "2")
    assert truth(second.status)["Ready"][0] == "False"
    assert truth(passed(1, pods(inputs="2"), nodes(1), second.status, "2").status)["Ready"][0] == "True"


def test_a_server_of_another_kind_is_ready_once_it_was_told_and_looked() -> None:
    first = passed(2, pods(asked=1), nodes(2), was_ready(1))
    assert first.actions == (Scale(2),)
    assert truth(first.status)["Ready"][0] == "False"
    second = passed(2, pods(asked=2, settled=False), nodes(2), first.status)
    assert truth(second.status)["Ready"][0] == "False"
    assert truth(passed(2, pods(asked=2), nodes(2), second.status).status)["Ready"][0] == "True"


def test_scaled_to_nothing_it_is_as_it_was_asked_for_and_does_not_answer() -> None:
    status = was_ready(1)
    for server, held in (
        (pods(asked=1), nodes(1)),
        (pods("pending", 0, ending=1), nodes(1)),
        (pods("pending", 0), ProvisionerDecision(outcome=RELEASING, actions=(DELETE,))),
        (pods("pending", 0), ProvisionerDecision(outcome=Failed("invalid", "not gone", "ReleaseRefused"))),
        (pods("pending", 0), ProvisionerDecision(outcome=Ready(()))),
    ):
        decision = passed(0, server, held, status)
        status = decision.status
        assert truth(status)["Ready"][0] == "True"
        assert truth(status)["Stalled"][0] == "False"
    assert truth(status)["Ready"] == ("True", "ScaledToZero")
    assert truth(status)["InferenceReady"] == truth(status)["WorkspaceReady"] == ("False", "ScaledToZero")
    assert truth(status)["Reconciling"][0] == "False"
    assert (status.worker_nodes, status.endpoint) == ([], None)
