"""What a change of the Workspace or of the plan moves, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from core.tests.lifecycle.support.lifecycle_world import (
    NOW,
    World,
    launch,
    plan,
    truth,
    tuned_plan,
    workspace,
)
from core.tests.lifecycle.support.serving_world import SERVE, SERVES

from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Start, Stop
from llmwright.lifecycle.observed import Workload
from llmwright.plan.fixed_fields import UnappliedChange


def test_changed_data_tunes_again_and_serves_that() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    world.workspace, world.plan = workspace(tuned=True, generation=2), tuned_plan("2", "other data")
    world.settle()
    assert world.workloads["tuning"].digest == launch("tune other data").digest
    assert world.status is not None
    assert world.status.state == "Succeeded"
    assert world.status.tuned is not None
    assert world.status.tuned.inputs == "2"
    assert truth(world.status)["Ready"][0] == "True"
    overlaps = [past for past in world.history if {"tuning", "serving"} <= _started(past.actions)]
    assert overlaps == []


def _started(actions: Any) -> set[str]:
    return {action.role for action in actions if isinstance(action, Start)}


def test_a_tuning_that_nobody_wants_any_more_ends_before_new_data_are_fetched() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    while "tuning" not in world.workloads:
        world.turn()
    world.plan = tuned_plan("2", "other data")
    first = world.turn()
    assert first.actions == (Stop("tuning"),)
    world.settle()
    started = [action.role for past in world.history for action in past.actions if isinstance(action, Start)]
    assert started == ["preflight", "tuning", "preflight", "tuning", "serving"]


def test_a_change_that_leaves_the_tuning_alone_does_not_tune_again() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    since = world.workloads["tuning"].since
    world.plan = replace(tuned_plan("2"), serving=launch("serve adapter on two"))
    world.settle()
    assert world.workloads["tuning"].since == since
    assert world.workloads["serving"].digest == launch("serve adapter on two").digest


@pytest.mark.parametrize("preflight", [True, False])
def test_a_rollout_leaves_a_tuning_alone_that_runs(preflight: bool) -> None:
    world = World(workspace(tuned=True), tuned_plan(preflight=preflight))
    while world.workloads.get("tuning", Workload()).phase != "running":
        world.turn()
    world.plan = tuned_plan("1.rolled", data="data by a newer version", preflight=preflight)
    world.settle()
    roles = [action.role for past in world.history for action in past.actions if isinstance(action, Start)]
    assert roles.count("tuning") == 1
    assert not any(action == Stop("tuning") for past in world.history for action in past.actions)
    assert world.status is not None
    assert world.status.state == "Succeeded"
    assert world.status.condition("UpdateAvailable") is None


def test_a_rollout_tries_a_tuning_again_that_failed() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    while world.workloads.get("tuning", Workload()).phase != "running":
        world.turn()
    world.fail("tuning")
    world.plan = tuned_plan("1.rolled", data="data by a newer version")
    world.settle()
    assert world.status is not None
    assert world.status.state == "Succeeded"


def test_a_finished_job_that_was_removed_is_not_run_again() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    world.workloads.pop("tuning")
    world.settle()
    assert "tuning" not in world.workloads
    assert world.status is not None
    assert world.status.state == "Succeeded"


def test_a_changed_server_is_replaced() -> None:
    world = World(workspace(tuned=False), SERVES)
    world.settle()
    world.plan = plan("2", serving=launch("serve more"))
    decision = world.turn()
    (start,) = decision.actions
    assert isinstance(start, Start)
    assert start.replaces
    assert truth(decision.status)["InferenceReady"][0] == "True"
    assert truth(decision.status)["Ready"][0] == "False"


def test_a_newer_plan_is_offered_and_moves_nothing() -> None:
    world = World(workspace(tuned=False), SERVES)
    world.settle()
    world.plan = plan("1", serving=launch("serve better"))
    decision = world.settle()
    assert decision.actions == ()
    assert truth(decision.status)["UpdateAvailable"] == ("True", "NewPlan")
    assert truth(decision.status)["Ready"][0] == "True"
    world.plan = SERVES
    assert "UpdateAvailable" not in truth(world.settle().status)


def test_what_would_be_refused_today_runs_on_and_is_told() -> None:
    world = World(workspace(tuned=False), SERVES)
    world.settle()
    observed = replace(world.observed(), refused_today="inference.template.spec.hostPID: a template may not ask for it")
    decision = decide(world.workspace, world.plan, observed, world.status, NOW)
    assert decision.actions == ()
    assert truth(decision.status)["UpdateAvailable"] == ("True", "NoLongerAllowed")
    assert truth(decision.status)["Ready"][0] == "True"
    assert "UpdateAvailable" not in truth(world.settle().status)


def test_an_accepted_change_without_effect_is_recorded() -> None:
    world = World(workspace(tuned=False), SERVES)
    world.settle()
    world.plan = plan("2", serving=SERVE)
    (start,) = world.turn().actions
    assert isinstance(start, Start)
    assert not start.replaces
    assert world.workloads["serving"].inputs == "2"
    assert world.settle().actions == ()


EDIT = UnappliedChange(path="resource.provisioner", asked="byo", runs="karpenter")


DEFAULT = UnappliedChange(path="resource.provisionerConfig.mode", asked="nodepool", runs="nodeclaim", by_settings=True)


def test_a_change_that_is_not_carried_out_is_named_and_the_server_answers_on() -> None:
    world = World(workspace(tuned=False), plan(serving=launch("serve")))
    world.settle()
    assert world.status is not None
    before = world.status
    observed = replace(world.observed(), unapplied=(EDIT,))
    decision = decide(world.workspace, world.plan, observed, before, NOW)
    conditions = truth(decision.status)
    assert conditions["ChangeNotApplied"] == ("True", "Immutable")
    assert conditions["Ready"] == ("False", "Immutable")
    assert conditions["Stalled"] == ("True", "Immutable")
    assert conditions["WorkspaceReady"][0] == "True"
    assert decision.actions == ()
    assert (decision.status.cost, decision.status.plan) == (before.cost, before.plan)
    message = next(c.message for c in decision.status.conditions if c.type == "ChangeNotApplied")
    assert 'resource.provisioner stays "karpenter", the Workspace says "byo"' in message
    assert [event.reason for event in decision.events] == ["Immutable"]
    again = decide(world.workspace, world.plan, observed, decision.status, NOW)
    assert again.events == ()
    back = truth(decide(world.workspace, world.plan, world.observed(), decision.status, NOW).status)
    assert "ChangeNotApplied" not in back
    assert back["Ready"] == ("True", "Ready")


def test_a_change_that_is_not_carried_out_does_not_hide_what_is_waited_for() -> None:
    world = World(workspace(tuned=False), plan(serving=launch("serve")))
    decision = decide(world.workspace, world.plan, replace(world.observed(), unapplied=(EDIT,)), None, NOW)
    conditions = truth(decision.status)
    assert conditions["ChangeNotApplied"] == ("True", "Immutable")
    assert conditions["Stalled"][0] == "False"
    assert conditions["Reconciling"][0] == "True"


def test_another_default_is_named_and_the_workspace_is_as_it_was_asked_for() -> None:
    world = World(workspace(tuned=False), plan(serving=launch("serve")))
    world.settle()
    decision = decide(world.workspace, world.plan, replace(world.observed(), unapplied=(DEFAULT,)), world.status, NOW)
    conditions = truth(decision.status)
    assert conditions["ChangeNotApplied"] == ("True", "NewDefault")
    assert conditions["Ready"] == ("True", "Ready")
