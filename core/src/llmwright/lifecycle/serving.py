"""Serving: InferenceReady becomes True once all replicas answered, and not before."""

from __future__ import annotations

from llmwright.api.scaling import replicas_of
from llmwright.lifecycle.after_tuning import serves
from llmwright.lifecycle.decision import Scale, Stop
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.launch_drift import launch_drift
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.observed import Workload
from llmwright.lifecycle.tuning import is_tuned
from llmwright.values.launch import Launch

KIND = "InferenceReady"
SUCCESS = ("WorkspaceInferenceStatusSuccess", "Inference has been deployed successfully")
PENDING = ("WorkspaceInferenceStatusPending", "Inference workload is not ready")
IDLE = ("ScaledToZero", "no replica is asked for")


def serving(facts: LifecycleInput, builder: DecisionBuilder, clear: bool) -> None:
    """Fill in ``InferenceReady`` and the endpoint; start, roll or stop the server."""
    workload, launch = facts.observed.serving, facts.plan.serving
    builder.fields |= {"replicas": _replicas(facts, workload), "selector": facts.observed.pod_labels or None}
    if launch is None or not serves(facts):
        _unwanted(facts, builder, launch, workload)
        return
    state = launch_drift(workload, launch, facts.plan.inputs)
    if state == "superseded":
        builder.superseded.append("serving")
    if clear and _acts(facts, workload, state):
        builder.start("serving", launch, facts.plan.inputs, replaces=state == "outdated")
    elif _resizes(facts, workload, clear):
        builder.actions.append(Scale(facts.plan.nodes.count))
    _report(facts, builder, workload)
    if state == "outdated" or not _is_confirmed(facts, workload):
        builder.wait(*PENDING)


def _acts(facts: LifecycleInput, workload: Workload, state: str) -> bool:
    """Whether a start is due: no server is there, the user changed it, or its record of accepted inputs is old."""
    return state in ("absent", "outdated") or (state == "current" and workload.inputs != facts.plan.inputs)


def _resizes(facts: LifecycleInput, workload: Workload, clear: bool) -> bool:
    """Whether the server has to get another number of pods: more once their nodes are there, fewer at any time.

    Fewer first, and only then fewer nodes: a node that goes under a running pod looks like a crash.
    """
    if workload.asked is None or workload.autoscaled:
        return False
    wanted = facts.plan.nodes.count
    return workload.asked > wanted or (clear and workload.asked < wanted)


def _is_confirmed(facts: LifecycleInput, workload: Workload) -> bool:
    """Whether what is observed is the result of what is asked for, and not of what was asked for before it.

    Until it is, what was true goes on being so. Else Ready would come early with a change, or flap.
    """
    wanted, ready = facts.plan.nodes.count, facts.previous.condition("Ready")
    if workload.autoscaled or workload.asked == wanted:
        known = workload.settled
    else:
        known = workload.asked is None and workload.settled and workload.inputs == facts.plan.inputs
    grows = workload.asked is not None and workload.asked < wanted
    return known or (ready is not None and ready.status == "True" and not grows)


def _replicas(facts: LifecycleInput, workload: Workload) -> int | None:
    """Return how many copies of the server there are, of some pods each; None where nobody counts."""
    copies = replicas_of(facts.workspace)
    if workload.asked is None:
        return None
    if workload.pods is None:
        return copies if workload.phase == "ready" else 0
    return workload.pods // max(facts.plan.nodes.count // max(copies, 1), 1)


def _unwanted(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch | None, workload: Workload) -> None:
    """No server should run. A server of an earlier result answers until its node is needed; any other is stopped."""
    if workload.active:
        if launch is None and Stop("serving") not in builder.actions:
            builder.actions.append(Stop("serving"))
        return
    builder.fields |= {"endpoint": None, "served_names": []}
    if launch is None or facts.previous.condition(KIND) is None:
        builder.conditions.drop(KIND)
    elif is_tuned(facts):
        builder.conditions.set(KIND, False, "ServingEnded", "the server was stopped after its time to live")
    else:
        builder.conditions.set(KIND, False, *PENDING)


def _report(facts: LifecycleInput, builder: DecisionBuilder, workload: Workload) -> None:
    builder.fields["served_names"] = list(facts.plan.served_names)
    wanted = facts.plan.nodes.count
    if workload.phase == "ready":
        builder.conditions.set(KIND, True, *SUCCESS)
        builder.fields["endpoint"] = workload.endpoint
        if workload.ending:
            builder.end("ScalingDown", f"{wanted} replicas answer, {workload.ending} more are ending")
        return
    builder.fields["endpoint"] = None
    if wanted == 0 and not workload.autoscaled:
        builder.conditions.set(KIND, False, *IDLE)
        if workload.ending:
            builder.end("ScalingDown", f"no replica is asked for, {workload.ending} are ending")
        return
    counted = f"{workload.answering} of {workload.asked if workload.autoscaled else wanted} replicas answer"
    message = workload.message or (counted if workload.answering else PENDING[1])
    reason = workload.reason or PENDING[0]
    if workload.awaited:
        builder.expected.add(reason)
    builder.conditions.set(KIND, False, reason, message)
    # Not until it answers: each try would tell those who wait for Stalled that all is well again.
    if workload.phase == "failed" or workload.crashing:
        builder.stall(reason, message)
    builder.wait(reason, message)
