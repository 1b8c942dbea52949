"""What the phases add up to: WorkspaceReady, and Ready, Reconciling and Stalled for tools that wait."""

from __future__ import annotations

from llmwright import __version__
from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.after_tuning import gives_back
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.observed import Trouble
from llmwright.plan.inputs import ROLLOUT
from llmwright.values.plan import Plan

WAITING = Trouble("workspacePending", "workspace is waiting for inference workload readiness")
PROGRESSING = ("Progressing", "nothing stands in the way")
INFERENCE_WAITS = ("workspacePending", "workspace is waiting for inference workload readiness")


def record(plan: Plan, previous: PlanRecord | None) -> PlanRecord:
    """The plan as the status keeps it; ``version`` and the price's date stay as first written for the same inputs."""
    kept = previous if previous is not None and previous.inputs == plan.inputs else None
    return PlanRecord(
        inputs=plan.inputs,
        target=plan.target,
        preset=plan.preset,
        provisioner=plan.provisioner.name,
        runtime=plan.runtime.name if plan.runtime else None,
        tuner=plan.tuner.name if plan.tuner else None,
        instance_type=plan.instance_type.name if plan.instance_type else None,
        nodes=plan.nodes.count,
        price_as_of=kept.price_as_of if kept else _price_date(plan),
        version=kept.version if kept else __version__,
    )


def summarise(situation: Situation, draft: Draft) -> None:
    """Fill in the conditions over all phases, and the state of an inference Workspace."""
    if situation.workspace.tuning is None:
        _inference(situation, draft)
    else:
        _refused(draft)
    answers = draft.conditions.holds("InferenceReady") and draft.conditions.holds("ResourceReady")
    delivered = draft.conditions.holds("WorkspaceSucceeded") and _nothing_to_serve(situation)
    _verdict(draft, draft.waiting if not (answers or delivered) else None, answers or delivered)
    _update(situation, draft)


def unplanned(workspace: Workspace, draft: Draft, trouble: Trouble, previous: WorkspaceStatus, *, waits: bool) -> None:
    """No plan could be made: what runs is left alone, and why nothing new begins is said.

    One that ``waits`` has not failed; where it never had a plan, it is nodes that it waits for.
    """
    if waits and previous.plan is None:
        _waits(workspace, draft, trouble)
    elif previous.plan is None or previous.condition("WorkspaceSucceeded") is None:
        draft.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", trouble.message)
    if not draft.conditions.holds("WorkspaceReady"):
        draft.conditions.set("WorkspaceReady", False, trouble.reason, trouble.message)
    draft.conditions.set("Ready", False, trouble.reason, trouble.message)
    draft.conditions.set("Reconciling", waits, trouble.reason, trouble.message)
    if waits:
        draft.conditions.set("Stalled", False, *PROGRESSING)
    else:
        draft.conditions.set("Stalled", True, trouble.reason, trouble.message)


def _waits(workspace: Workspace, draft: Draft, trouble: Trouble) -> None:
    draft.fields["state"] = "Pending"
    for kind in ("NodesReady", "ResourceReady"):
        draft.conditions.set(kind, False, trouble.reason, trouble.message)
    text = "workspace is initializing, tuning job has not started"
    pending = INFERENCE_WAITS if workspace.tuning is None else ("workspacePending", text)
    draft.conditions.set("WorkspaceSucceeded", False, *pending)


def _price_date(plan: Plan) -> str | None:
    prices = [fit.instance_type.price for _, fit in plan.fits if fit.instance_type.price]
    return next((price.as_of.isoformat() for price in prices if price.as_of), None)


def _nothing_to_serve(situation: Situation) -> bool:
    return situation.plan.serving is None or gives_back(situation)


def _inference(situation: Situation, draft: Draft) -> None:
    ready = draft.conditions.holds("InferenceReady") and draft.conditions.holds("ResourceReady")
    lost = situation.previous.state in ("Ready", "NotReady")
    draft.fields["state"] = "Ready" if ready else "NotReady" if lost else "Pending"
    if ready:
        draft.conditions.set("WorkspaceSucceeded", True, "workspaceSucceeded", "workspace succeeds")
    else:
        draft.conditions.set("WorkspaceSucceeded", False, *INFERENCE_WAITS)


def _refused(draft: Draft) -> None:
    """A tuning whose preflight failed has failed: nothing of it runs."""
    found = draft.conditions.get("PreflightSucceeded")
    if draft.fields.get("state") == "Pending" and found is not None and found.status == "False":
        if found.reason == "PreflightPending":
            return
        draft.fields["state"] = "Failed"
        draft.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", found.message)


def _verdict(draft: Draft, waiting: Trouble | None, good: bool) -> None:
    """``Ready`` also wants the latest change carried out; ``WorkspaceReady`` is the mission's column."""
    why = draft.stalled or waiting or WAITING
    if good:
        draft.conditions.set("WorkspaceReady", True, "WorkspaceReady", "the workspace is ready to be used")
    else:
        draft.conditions.set("WorkspaceReady", False, why.reason, why.message)
    if good and draft.waiting is None and draft.stalled is None:
        draft.conditions.set("Ready", True, "Ready", "the workspace is as it was asked for")
        draft.conditions.set("Reconciling", False, "Ready", "nothing is left to do")
    else:
        why = draft.stalled or draft.waiting or WAITING
        draft.conditions.set("Ready", False, why.reason, why.message)
        draft.conditions.set("Reconciling", draft.stalled is None, why.reason, why.message)
    stalled = draft.stalled
    if stalled is None:
        draft.conditions.set("Stalled", False, *PROGRESSING)
    else:
        draft.conditions.set("Stalled", True, stalled.reason, stalled.message)


def _update(situation: Situation, draft: Draft) -> None:
    if not (draft.superseded or situation.observed.newer_plan):
        draft.conditions.drop("UpdateAvailable")
        return
    how = "`llmwright rollout`" if situation.plan.target == "local" else f"another word in the annotation {ROLLOUT}"
    message = f"a plan made today differs from the one that runs; {how} moves it"
    draft.conditions.set("UpdateAvailable", True, "NewPlan", message)
