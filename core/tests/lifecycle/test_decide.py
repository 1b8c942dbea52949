"""Each transition of the lifecycle, as a table of worlds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core.tests.lifecycle.support.lifecycle_world import (
    CREATE,
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

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Finish, Look, Provision, Release, Start, Stop
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.lifecycle.policy import Policy
from llmwright.plan.fixed_fields import UnappliedChange
from llmwright.values.nodes import Failed, Node, ProvisionerAction, ProvisionerDecision, Ready, Waiting

SERVE = launch("serve")
SERVES = plan(serving=SERVE)
HELD = Observed(provision=NODES_READY, release=NODES_GONE)


def found(phase: Any, of: Any = SERVE, inputs: str = "1", **more: Any) -> Workload:
    """A workload of that Launch in that phase."""
    return Workload(phase=phase, digest=of.digest, inputs=inputs, since=NOW, **more)


def serving_status(workload: Workload, previous: WorkspaceStatus | None = None) -> WorkspaceStatus:
    """The status of a Workspace that serves, with its server as given."""
    return decide(workspace(tuned=False), SERVES, replace(HELD, serving=workload), previous, NOW).status


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


def test_an_accepted_change_without_effect_is_recorded() -> None:
    world = World(workspace(tuned=False), SERVES)
    world.settle()
    world.plan = plan("2", serving=SERVE)
    (start,) = world.turn().actions
    assert isinstance(start, Start)
    assert not start.replaces
    assert world.workloads["serving"].inputs == "2"
    assert world.settle().actions == ()


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


@pytest.mark.parametrize(
    ("kind", "reason", "stalled"),
    [
        ("quota", "QuotaExceeded", True),
        ("capacity", "InsufficientCapacity", True),
        ("transient", "ProvisioningFailed", False),
    ],
)
def test_a_provisioner_that_fails_says_why(kind: Any, reason: str, stalled: bool) -> None:
    decision = ProvisionerDecision(outcome=Failed(kind, "the cloud says no"))
    answer = decide(workspace(tuned=False), SERVES, replace(HELD, provision=decision), None, NOW)
    assert truth(answer.status)["ResourceReady"] == ("False", reason)
    assert (truth(answer.status)["Stalled"][0] == "True") == stalled
    assert answer.again_in is not None
    assert [(event.type, event.reason) for event in answer.events] == [("Warning", reason)]


def test_transient_failures_back_off() -> None:
    retry = ProvisionerDecision(
        outcome=Failed("transient", "429"), actions=(ProvisionerAction(verb="create", name="n"),)
    )
    observed = replace(HELD, provision=retry, attempts=3, failed_at=NOW)
    early = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(seconds=7))
    assert early.actions == ()
    assert early.again_in == pytest.approx(1.0)
    due = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(seconds=8))
    assert [type(action) for action in due.actions] == [Provision]


def test_a_missing_driver_stalls_its_own_workspace() -> None:
    trouble = Trouble("PluginNotFound", "no provisioner is named 'aks'")
    answer = decide(workspace(tuned=False), SERVES, Observed(provisioner_trouble=trouble), None, NOW)
    assert truth(answer.status)["Stalled"] == ("True", "PluginNotFound")
    assert answer.actions == ()


def test_what_a_provisioner_remembers_of_a_refused_action_is_kept() -> None:
    """Without it, a provisioner notices the same failure with every pass, and never asks again."""
    noticed = ProvisionerDecision(outcome=Waiting("BackingOff", "1 attempt failed", 15.0), state={"failures": 1})
    observed = Observed(
        provision=noticed, provisioner_trouble=Trouble("ServiceUnavailable", "503"), attempts=1, failed_at=NOW
    )
    status = decide(workspace(tuned=False), SERVES, observed, None, NOW).status
    assert status.provisioner is not None
    assert status.provisioner.state == {"failures": 1}


def test_an_action_that_is_not_due_is_not_remembered_as_asked_for() -> None:
    asked = replace(NODES_WAIT, state={"asked": ["node-1"]})
    observed = Observed(
        provision=asked, provisioner_trouble=Trouble("ServiceUnavailable", "503"), attempts=1, failed_at=NOW
    )
    waiting = decide(workspace(tuned=False), SERVES, observed, None, NOW)
    assert (waiting.actions, waiting.status.provisioner) == ((), None)
    due = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(hours=1))
    assert due.actions == (Provision((CREATE,)),)
    assert due.status.provisioner is not None


def test_claims_and_pressure_are_told_as_upstream_does() -> None:
    nodes = ProvisionerDecision(outcome=Ready((Node(name="n1", pressure=("DiskPressure",)),)))
    observed = replace(HELD, provision=nodes, claims=Ready(()))
    status = decide(workspace(tuned=False), SERVES, observed, None, NOW).status
    ready = status.condition("NodesReady")
    assert ready is not None
    assert ready.message == (
        "Enough Nodes are ready; warning: worker node(s) under resource pressure: n1 (DiskPressure)"
    )
    assert truth(status)["NodeClaimReady"] == ("True", "NodeClaimsReady")
    waiting = replace(observed, claims=Waiting("LaunchFailed", "no quota"), provision=NODES_READY)
    status = decide(workspace(tuned=False), SERVES, waiting, status, NOW).status
    assert truth(status)["ResourceReady"] == truth(status)["NodeClaimReady"] == ("False", "LaunchFailed")
    byo = decide(workspace(tuned=False), SERVES, HELD, status, NOW).status
    assert "NodeClaimReady" not in truth(byo)


def test_a_root_cause_is_not_hidden_by_nodeclaims_own_words() -> None:
    refused = ProvisionerDecision(outcome=Failed("quota", "no cores are left"))
    generic = Waiting("LaunchFailed", "creating instance: OperationNotAllowed")
    observed = replace(HELD, provision=refused, claims=generic)
    found = truth(decide(workspace(tuned=False), SERVES, observed, None, NOW).status)
    assert found["NodeClaimReady"] == ("False", "LaunchFailed")
    assert found["ResourceReady"] == found["Ready"] == ("False", "QuotaExceeded")
    assert found["Stalled"] == ("True", "QuotaExceeded")


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


def test_deleting_stops_releases_and_finishes() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    world.deleting = True
    world.settle()
    kinds = [type(action) for past in world.history for action in past.actions][-3:]
    assert kinds == [Stop, Release, Finish]
    assert world.status is not None
    assert truth(world.status)["WorkspaceDeleting"] == ("True", "workspaceDeleted")


def test_a_workspace_stays_while_machines_are_being_bought_for_it() -> None:
    """A purchase under way is not seen yet: released now, its machine would be nobody's."""
    buying = Observed(deleting=True, release=NODES_GONE, acting=True)
    assert decide(workspace(tuned=False), SERVES, buying, None, NOW).actions == ()
    bought = replace(buying, acting=False)
    assert decide(workspace(tuned=False), SERVES, bought, None, NOW).actions == (Finish(),)


def test_a_workspace_goes_only_after_a_look_past_the_caches() -> None:
    """A watch that is late hides what was bought last; once the Workspace is gone, nobody gives that back."""
    unseen = Observed(deleting=True, release=NODES_GONE, look_due=True)
    assert decide(workspace(tuned=False), SERVES, unseen, None, NOW).actions == (Look(),)
    seen = replace(unseen, release=NODES_LEFT)
    assert isinstance(decide(workspace(tuned=False), SERVES, seen, None, NOW).actions[0], Release)
    looked = replace(unseen, look_due=False)
    assert decide(workspace(tuned=False), SERVES, looked, None, NOW).actions == (Finish(),)


def test_a_look_that_is_refused_is_made_again_after_a_rest_and_given_up_in_the_end() -> None:
    trouble = Trouble("TooManyRequests", "the API server is busy")
    unseen = Observed(deleting=True, release=NODES_GONE, look_due=True, provisioner_trouble=trouble)
    rests = decide(workspace(tuned=False), SERVES, replace(unseen, attempts=1, failed_at=NOW), None, NOW)
    assert (rests.actions, rests.again_in) == ((), 2.0)
    given_up = decide(workspace(tuned=False), SERVES, replace(unseen, attempts=8, failed_at=NOW), None, NOW)
    assert given_up.actions == (Finish(),)
    (event,) = given_up.events
    assert event.message.endswith("could not be released: the API server is busy")


@pytest.mark.parametrize(
    "observed",
    [
        Observed(deleting=True, provisioner_trouble=Trouble("PluginNotFound", "gone")),
        Observed(deleting=True, release=ProvisionerDecision(outcome=Failed("auth", "forbidden"))),
        Observed(
            deleting=True, release=ProvisionerDecision(outcome=Failed("transient", "500")), attempts=8, failed_at=NOW
        ),
    ],
)
def test_deleting_always_ends_and_names_what_is_left(observed: Observed) -> None:
    held = WorkspaceStatus(worker_nodes=["node-1", "node-2"])
    answer = decide(workspace(tuned=False), SERVES, observed, held, NOW)
    assert answer.actions == (Finish(),)
    (event,) = answer.events
    assert event.reason == "NotReleased"
    assert "nodes of default/demo (node-1, node-2) could not be released" in event.message


def test_events_are_told_once() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    told = [event.reason for past in world.history for event in past.events]
    assert told == ["WorkspaceTuningJobStatusStarted", "workspaceSucceeded", "WorkspaceInferenceStatusSuccess"]


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
