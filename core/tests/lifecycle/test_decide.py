"""Each transition of the lifecycle, as a table of worlds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

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
from core.tests.lifecycle.support.serving_world import HELD, SERVES, found, serving_status

from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Provision, Start
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.lifecycle.policy import Policy


def test_a_tuning_goes_through_its_phases_in_order() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    started = [action.role for decision in world.history for action in decision.actions if isinstance(action, Start)]
    assert started == ["preflight", "tuning", "serving"]
    kinds = [type(action) for decision in world.history for action in decision.actions]
    assert kinds.index(Provision) > 0
    assert world.status is not None
    assert world.status.state == "Succeeded"
    assert world.status.endpoint == "http://127.0.0.1:5000"
    assert world.status.output == "r/a:1"
    assert world.status.observed_generation == 1
    assert world.status.target_node_count == 1
    assert world.status.worker_nodes == ["node-1"]
    assert truth(world.status) == {
        "PreflightSucceeded": ("True", "PreflightSucceeded"),
        "NodesReady": ("True", "NodesReady"),
        "ResourceReady": ("True", "workspaceResourceStatusSuccess"),
        "JobStarted": ("True", "WorkspaceTuningJobStatusStarted"),
        "InferenceReady": ("True", "WorkspaceInferenceStatusSuccess"),
        "WorkspaceSucceeded": ("True", "workspaceSucceeded"),
        "WorkspaceReady": ("True", "WorkspaceReady"),
        "Ready": ("True", "Ready"),
        "Reconciling": ("False", "Ready"),
        "Stalled": ("False", "Progressing"),
    }


def test_no_node_is_asked_for_before_the_preflight_passed() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.turn()
    world.fail("preflight", "InvalidInput", "data.jsonl row 3 has no text")
    decision = world.settle()
    assert not any(isinstance(action, Provision) for past in world.history for action in past.actions)
    assert decision.status.state == "Failed"
    stalled = decision.status.condition("Stalled")
    assert stalled is not None
    assert (stalled.status, stalled.reason, stalled.message) == ("True", "InvalidInput", "data.jsonl row 3 has no text")


@pytest.mark.parametrize("tuned", [True, False])
def test_no_node_is_asked_for_while_an_image_is_missing(tuned: bool) -> None:
    served = plan(serving=launch("serve"))
    world = World(workspace(tuned=tuned), tuned_plan() if tuned else served)
    world.image_trouble = Trouble("PreflightPending", "asking the registry for r/x:1")
    first = world.turn()
    assert (first.actions, truth(first.status)["Reconciling"]) == ((), ("True", "PreflightPending"))
    world.image_trouble = Trouble("ImageMissing", "image r/x:1 is in no registry")
    decision = world.settle()
    assert not any(past.actions for past in world.history)
    assert truth(decision.status)["PreflightSucceeded"] == ("False", "ImageMissing")
    assert truth(decision.status)["Stalled"] == ("True", "ImageMissing")
    assert decision.again_in is not None
    assert decision.again_in <= 60.0
    world.image_trouble = None
    world.settle()
    assert world.status is not None
    assert "Stalled" in truth(world.status)
    assert truth(world.status)["Stalled"][0] == "False"
    assert ("PreflightSucceeded" in truth(world.status)) is tuned


def test_an_image_that_goes_later_stops_nothing_that_runs() -> None:
    world = World(workspace(tuned=False), plan(serving=launch("serve")))
    before = world.settle().status
    world.image_trouble = Trouble("ImageMissing", "image r/x:1 is in no registry")
    after = world.settle()
    assert after.actions == ()
    assert truth(after.status) == truth(before)


def test_a_setting_turns_the_preflight_off() -> None:
    world = World(workspace(tuned=True), tuned_plan(), Policy(preflight=False))
    world.settle()
    assert world.status is not None
    assert "PreflightSucceeded" not in truth(world.status)
    assert world.status.state == "Succeeded"


def test_a_vanished_preflight_is_not_repeated_once_it_passed() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    while world.status is None or truth(world.status)["PreflightSucceeded"][0] != "True":
        world.turn()
    world.workloads.pop("preflight")
    world.settle()
    started = [action.role for past in world.history for action in past.actions if isinstance(action, Start)]
    assert started.count("preflight") == 1


def test_release_gives_the_nodes_back() -> None:
    world = World(workspace(tuned=True, onSuccess="release"), tuned_plan())
    world.settle()
    assert world.nodes == 0
    assert world.status is not None
    facts = truth(world.status)
    assert facts["WorkspaceSucceeded"][0] == facts["WorkspaceReady"][0] == facts["Ready"][0] == "True"
    assert facts["ResourceReady"] == ("False", "Released")
    assert "InferenceReady" not in facts
    assert world.status.worker_nodes == []


def test_serving_ends_after_its_time_to_live() -> None:
    world = World(workspace(tuned=True, ttlSecondsAfterFinished=600), tuned_plan())
    again = world.settle().again_in
    assert again is not None
    assert 0 < again <= 600
    world.now += timedelta(seconds=again)
    world.settle()
    assert world.nodes == 0
    assert "serving" not in world.workloads
    assert world.status is not None
    assert truth(world.status)["InferenceReady"] == ("False", "ServingEnded")
    assert world.status.state == "Succeeded"
    assert world.status.endpoint is None


def test_a_failed_tuning_names_its_root_cause() -> None:
    world = World(workspace(tuned=True), tuned_plan(preflight=False))
    while "tuning" not in world.workloads:
        world.turn()
    world.fail("tuning", "ContainerOOMKilled", "memory is used up")
    status = world.settle().status
    assert status.state == "Failed"
    assert truth(status)["JobStarted"] == ("False", "ContainerOOMKilled")
    succeeded = status.condition("WorkspaceSucceeded")
    assert succeeded is not None
    assert succeeded.reason == "workspaceFailed"
    assert "memory is used up" in succeeded.message
    assert "serving" not in world.workloads


def test_where_finished_jobs_are_kept_a_missing_preflight_runs() -> None:
    world = World(workspace(tuned=True), tuned_plan(), keeps_finished=True)
    while world.status is None or truth(world.status)["PreflightSucceeded"][0] != "True":
        world.turn()
    world.workloads.clear()
    assert [action.role for action in world.turn().actions if isinstance(action, Start)] == ["preflight"]


def test_tuning_is_held_back_while_suspended() -> None:
    held = workspace(tuned=True)
    held = held.model_copy(
        update={"metadata": held.metadata.model_copy(update={"annotations": {"llmwright.io/suspend": "true"}})}
    )
    world = World(held, tuned_plan())
    world.settle()
    assert set(world.workloads) == {"preflight"}
    assert world.status is not None
    assert truth(world.status)["JobStarted"] == ("False", "Suspended")
    world.workspace = workspace(tuned=True)
    world.settle()
    assert world.status.state == "Succeeded"


@pytest.mark.parametrize(
    ("workload", "reason"),
    [
        (Workload(), "WorkspaceInferenceStatusPending"),
        (found("pending"), "WorkspaceInferenceStatusPending"),
        (found("pending", reason="Unschedulable", message="no node has room"), "Unschedulable"),
        (found("running", reason="ImagePullError", message="no such image"), "ImagePullError"),
        (found("failed", reason="ContainerCrashLoopBackOff", message="boom"), "ContainerCrashLoopBackOff"),
    ],
)
def test_inference_is_not_ready_before_it_answers(workload: Workload, reason: str) -> None:
    status = serving_status(workload)
    assert truth(status)["InferenceReady"] == ("False", reason)
    assert truth(status)["Ready"][0] == truth(status)["WorkspaceReady"][0] == "False"
    assert status.endpoint is None
    assert status.state == "Pending"
    assert (truth(status)["Stalled"][0] == "True") == (workload.phase == "failed")


def test_a_server_that_is_lost_is_not_ready_and_no_longer_pending() -> None:
    ready = serving_status(found("ready", endpoint="http://x"))
    assert ready.state == "Ready"
    lost = serving_status(found("running"), ready)
    assert lost.state == "NotReady"
    assert truth(lost)["WorkspaceSucceeded"] == ("False", "workspacePending")


def test_transition_times_move_only_with_the_status() -> None:
    first = serving_status(found("pending"))
    observed = replace(HELD, serving=found("failed", reason="ContainerCrashLoopBackOff", message="boom"))
    later = NOW + timedelta(minutes=5)
    second = decide(workspace(tuned=False), SERVES, observed, first, later).status
    before, after = first.condition("InferenceReady"), second.condition("InferenceReady")
    assert before is not None
    assert after is not None
    assert before.last_transition_time == after.last_transition_time == "2026-05-01T12:00:00Z"
    assert before.reason != after.reason
    stalled = second.condition("Stalled")
    assert stalled is not None
    assert stalled.last_transition_time == "2026-05-01T12:05:00Z"


def test_without_a_plan_what_runs_is_left_alone() -> None:
    ready = serving_status(found("ready", endpoint="http://x"))
    observed = replace(HELD, serving=found("ready"), plan_trouble=Trouble("PluginLoadFailed", "No module named 'x'"))
    answer = decide(workspace(tuned=False), None, observed, ready, NOW)
    assert answer.actions == ()
    assert truth(answer.status)["Stalled"] == ("True", "PluginLoadFailed")
    assert truth(answer.status)["WorkspaceReady"][0] == "True"


@pytest.mark.parametrize("tuned", [True, False])
def test_what_cannot_be_planned_yet_waits_and_has_not_failed(tuned: bool) -> None:
    observed = Observed(plan_trouble=Trouble("NoReadyNodes", "no ready nodes found"), plan_waits=True)
    answer = decide(workspace(tuned=tuned), None, observed, None, NOW)
    found = truth(answer.status)
    assert answer.status.state == "Pending"
    assert found["Stalled"] == ("False", "Progressing")
    assert found["Reconciling"] == ("True", "NoReadyNodes")
    assert found["ResourceReady"] == found["Ready"] == ("False", "NoReadyNodes")
    assert found["WorkspaceSucceeded"] == ("False", "workspacePending")
    refused = replace(observed, plan_waits=False)
    found = truth(decide(workspace(tuned=tuned), None, refused, answer.status, NOW).status)
    assert found["Stalled"] == ("True", "NoReadyNodes")
    assert found["Reconciling"] == ("False", "NoReadyNodes")
    assert found["WorkspaceSucceeded"] == ("False", "workspaceFailed")


def test_events_are_told_once() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    told = [event.reason for past in world.history for event in past.events]
    assert told == ["WorkspaceTuningJobStatusStarted", "workspaceSucceeded", "WorkspaceInferenceStatusSuccess"]
