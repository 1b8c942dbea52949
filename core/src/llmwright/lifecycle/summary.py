"""The sum over all phases: WorkspaceReady, and Ready, Reconciling and Stalled for tools that wait."""

from __future__ import annotations

from llmwright.api.scaling import replicas_of
from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.after_tuning import gives_back
from llmwright.lifecycle.conditions import NO_LONGER_ALLOWED
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.fallback import types_to_try
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.observed import Trouble
from llmwright.lifecycle.serving import IDLE
from llmwright.plan.digest import ROLLOUT
from llmwright.values.plan import Plan
from llmwright.values.same_place import SamePlace
from llmwright.version import __version__

WAITING = Trouble("workspacePending", "workspace is waiting for inference workload readiness")
PROGRESSING = ("Progressing", "nothing stands in the way")
INFERENCE_WAITS = ("workspacePending", "workspace is waiting for inference workload readiness")


def record(facts: LifecycleInput) -> PlanRecord:
    """Return the plan for the status. For the same inputs, ``version`` and the price's date stay as first written."""
    plan, previous = facts.plan, facts.previous.plan
    kept = previous if previous is not None and previous.inputs == plan.inputs else None
    alternatives, refused = types_to_try(plan, facts.previous.plan, facts.now)
    return PlanRecord(
        alternatives=alternatives,
        refused=refused,
        inputs=plan.inputs,
        target=plan.target,
        preset=plan.preset,
        provisioner=plan.provisioner.name,
        runtime=plan.runtime.name if plan.runtime else None,
        tuner=plan.tuner.name if plan.tuner else None,
        instance_type=plan.instance_type.name if plan.instance_type else None,
        nodes=plan.nodes.count,
        replicas=replicas_of(facts.workspace),
        price_as_of=kept.price_as_of if kept else _price_date(plan),
        version=kept.version if kept else __version__,
        fixed=dict(plan.fixed),
        options=dict(plan.nodes.config),
    )


def summarise(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Fill in the conditions over all phases, and the state of an inference Workspace."""
    if facts.workspace.tuning is None:
        _inference(facts, builder)
    else:
        _refused(builder)
    answers = builder.conditions.holds("InferenceReady") and builder.conditions.holds("ResourceReady")
    delivered = builder.conditions.holds("WorkspaceSucceeded") and _nothing_to_serve(facts)
    _verdict(builder, builder.waiting if not (answers or delivered) else None, answers or delivered)
    _settle(builder, idle=_is_idle(builder), good=answers or delivered)
    _update(facts, builder)


def unplanned(
    workspace: Workspace, builder: DecisionBuilder, trouble: Trouble, previous: WorkspaceStatus, *, waits: bool
) -> None:
    """No plan could be made: leave alone what runs, and state why nothing new begins.

    A Workspace that ``waits`` has not failed; where it never had a plan, it waits for nodes.
    """
    if waits and previous.plan is None:
        _waits(workspace, builder, trouble)
    elif previous.plan is None or previous.condition("WorkspaceSucceeded") is None:
        builder.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", trouble.message)
    if not builder.conditions.holds("WorkspaceReady"):
        builder.conditions.set("WorkspaceReady", False, trouble.reason, trouble.message)
    builder.conditions.set("Ready", False, trouble.reason, trouble.message)
    builder.conditions.set("Reconciling", waits, trouble.reason, trouble.message)
    if waits:
        builder.conditions.set("Stalled", False, *PROGRESSING)
    else:
        builder.conditions.set("Stalled", True, trouble.reason, trouble.message)


def _waits(workspace: Workspace, builder: DecisionBuilder, trouble: Trouble) -> None:
    builder.fields["state"] = "Pending"
    for kind in ("NodesReady", "ResourceReady"):
        builder.conditions.set(kind, False, trouble.reason, trouble.message)
    text = "workspace is initializing, tuning job has not started"
    pending = INFERENCE_WAITS if workspace.tuning is None else ("workspacePending", text)
    builder.conditions.set("WorkspaceSucceeded", False, *pending)


def _price_date(plan: Plan) -> str | None:
    prices = [fit.instance_type.price for _, fit in plan.fits if fit.instance_type.price]
    return next((price.as_of.isoformat() for price in prices if price.as_of), None)


def _nothing_to_serve(facts: LifecycleInput) -> bool:
    return facts.plan.serving is None or gives_back(facts)


def _inference(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    ready = builder.conditions.holds("InferenceReady") and builder.conditions.holds("ResourceReady")
    lost = facts.previous.state in ("Ready", "NotReady")
    builder.fields["state"] = "Ready" if ready else "NotReady" if lost else "Pending"
    if ready:
        builder.conditions.set("WorkspaceSucceeded", True, "workspaceSucceeded", "workspace succeeds")
    else:
        builder.conditions.set("WorkspaceSucceeded", False, *INFERENCE_WAITS)


def _refused(builder: DecisionBuilder) -> None:
    """Mark a tuning as failed whose preflight failed: nothing of it runs."""
    preflight = builder.conditions.get("PreflightSucceeded")
    if builder.fields.get("state") == "Pending" and preflight is not None and preflight.status == "False":
        if preflight.reason == "PreflightPending":
            return
        builder.fields["state"] = "Failed"
        builder.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", preflight.message)


def _verdict(builder: DecisionBuilder, waiting: Trouble | None, good: bool) -> None:
    """Set WorkspaceReady, and Stalled."""
    why = builder.stalled or waiting or (Trouble(*IDLE) if _is_idle(builder) else WAITING)
    if good:
        builder.conditions.set("WorkspaceReady", True, "WorkspaceReady", "the workspace is ready to be used")
    else:
        builder.conditions.set("WorkspaceReady", False, why.reason, why.message)
    stalled = builder.stalled
    if stalled is None:
        builder.conditions.set("Stalled", False, *PROGRESSING)
    else:
        builder.conditions.set("Stalled", True, stalled.reason, stalled.message)


def _is_idle(builder: DecisionBuilder) -> bool:
    """Whether nothing answers because no replica is asked for."""
    inference = builder.conditions.get("InferenceReady")
    return inference is not None and (inference.status, inference.reason) == ("False", IDLE[0])


def _settle(builder: DecisionBuilder, *, idle: bool, good: bool) -> None:
    """Set Ready: the latest change is carried out; and Reconciling, also while what it made needless is going."""
    why = builder.stalled or builder.waiting
    if why is not None or not (good or idle):
        why = why or WAITING
        builder.conditions.set("Ready", False, why.reason, why.message)
        builder.conditions.set("Reconciling", builder.stalled is None, why.reason, why.message)
        return
    reason, message = IDLE if idle else ("Ready", "the workspace is as it was asked for")
    builder.conditions.set("Ready", True, reason, message)
    if builder.ending is not None:
        builder.conditions.set("Reconciling", True, builder.ending.reason, builder.ending.message)
    else:
        builder.conditions.set("Reconciling", False, reason, "nothing is left to do")


def _update(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    if refused := facts.observed.refused_today:
        message = f"it runs on, and would be refused today, as a rollout would be: {refused}"
        builder.conditions.set("UpdateAvailable", True, NO_LONGER_ALLOWED, message)
        return
    if not (builder.superseded or facts.observed.newer_plan):
        builder.conditions.drop("UpdateAvailable")
        return
    other_way = "" if facts.plan.target == "local" else f", or another value in the annotation {ROLLOUT},"
    place = SamePlace(target=facts.plan.target)
    rollout = place.command(f"rollout {facts.workspace.name}", facts.workspace.namespace)
    message = f"a plan made today differs from the one that runs; `{rollout}`{other_way} moves it"
    builder.conditions.set("UpdateAvailable", True, "NewPlan", message)
