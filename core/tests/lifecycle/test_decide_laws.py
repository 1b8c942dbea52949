"""What holds for every world, however it came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.tests.lifecycle.support.lifecycle_world import (
    NODES_GONE,
    NODES_LEFT,
    NODES_READY,
    NODES_WAIT,
    NOW,
    World,
    launch,
    plan,
    truth,
    tuned_plan,
    workspace,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Start
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.values.launch import Launch
from llmwright.values.nodes import Failed, ProvisionerDecision

PLANS = (tuned_plan(), tuned_plan("2", "other"), tuned_plan(preflight=False), plan(serving=launch("serve adapter")))
PHASES = ("absent", "pending", "running", "ready", "succeeded", "failed")
BROKEN = ProvisionerDecision(outcome=Failed("quota", "none left"))

launches = st.sampled_from([launch("check data"), launch("tune data"), launch("serve adapter"), launch("else")])


def make_workload(phase: Any, of: Launch, inputs: str) -> Workload:
    """What is absent has no digest."""
    return Workload() if phase == "absent" else Workload(phase=phase, digest=of.digest, inputs=inputs)


workloads = st.builds(make_workload, st.sampled_from(PHASES), launches, st.sampled_from(["1", "2"]))
troubles = st.none() | st.just(Trouble("PluginNotFound", "gone"))
worlds = st.builds(
    Observed,
    deleting=st.booleans(),
    provision=st.sampled_from([None, NODES_READY, NODES_WAIT, BROKEN]),
    release=st.sampled_from([None, NODES_GONE, NODES_LEFT, BROKEN]),
    provisioner_trouble=troubles,
    attempts=st.integers(0, 9),
    failed_at=st.none() | st.just(NOW),
    preflight=workloads,
    tuning=workloads,
    serving=workloads,
    plan_trouble=troubles,
    newer_plan=st.booleans(),
)
workspaces = st.sampled_from(
    [
        workspace(tuned=True),
        workspace(tuned=True, onSuccess="release"),
        workspace(tuned=True, ttlSecondsAfterFinished=60),
        workspace(tuned=False),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(worlds, min_size=1, max_size=4), workspaces, st.sampled_from([None, *PLANS]))
def test_any_world_leads_to_a_decision(seen: list[Observed], wanted: Any, made: Any) -> None:
    """Whatever was found, in whatever order: no error, the same answer twice, and no lie about readiness."""
    status: WorkspaceStatus | None = None
    for step, observed in enumerate(seen):
        now = NOW + timedelta(minutes=step)
        answer = decide(wanted, made, observed, status, now)
        assert answer == decide(wanted, made, observed, status, now)
        facts = truth(answer.status)
        if not observed.deleting and made is not None and observed.plan_trouble is None:
            _ready_is_true(observed, answer.status, facts)
        roles = [action.role for action in answer.actions if isinstance(action, Start)]
        assert len(roles) == len(set(roles))
        status = answer.status


def _ready_is_true(observed: Observed, status: WorkspaceStatus, facts: dict[str, tuple[str, str]]) -> None:
    released = facts.get("ResourceReady") == ("False", "Released")
    if facts["Ready"][0] == "True":
        assert observed.serving.phase == "ready" or (released and facts["WorkspaceSucceeded"][0] == "True")
    if status.endpoint is not None:
        assert observed.serving.active
    assert not (facts["Ready"][0] == facts["Stalled"][0] == "True")


@settings(max_examples=100, deadline=None)
@given(worlds, workspaces, st.sampled_from(PLANS))
def test_deciding_and_acting_converges(seen: Observed, wanted: Any, made: Any) -> None:
    """From any state that a crash may leave, passes end in rest, with at most one workload of each role."""
    world = World(wanted, made, deleting=seen.deleting, nodes=3 if seen.provision is NODES_READY else 0)
    world.workloads = {
        role: replace(workload, since=NOW) for role, workload in seen.workloads() if workload.phase != "absent"
    }
    world.settle()
    assert world.finished == seen.deleting


@settings(max_examples=100, deadline=None)
@given(st.lists(worlds, max_size=6), st.sampled_from([None, "release"]))
def test_what_was_tuned_stays_succeeded(seen: list[Observed], on_success: Any) -> None:
    """Once the adapter is safe, no later world of the same wish takes WorkspaceSucceeded back."""
    wanted = workspace(tuned=True, onSuccess=on_success)
    world = World(wanted, tuned_plan())
    world.settle()
    status = world.status
    for step, observed in enumerate(seen):
        status = decide(wanted, tuned_plan(), observed, status, world.now + timedelta(hours=step)).status
        assert truth(status)["WorkspaceSucceeded"] == ("True", "workspaceSucceeded")
        assert status.state == "Succeeded"
        assert status.output == "r/a:1"
