"""Serving: InferenceReady is said once the endpoint answered, and not before."""

from __future__ import annotations

from llmwright.lifecycle.after_tuning import serves
from llmwright.lifecycle.decision import Stop
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.launch_drift import launch_drift
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.observed import Workload
from llmwright.lifecycle.tuning import is_tuned
from llmwright.values.launch import Launch

KIND = "InferenceReady"
SUCCESS = ("WorkspaceInferenceStatusSuccess", "Inference has been deployed successfully")
PENDING = ("WorkspaceInferenceStatusPending", "Inference workload is not ready")


def serving(facts: LifecycleInput, builder: DecisionBuilder, clear: bool) -> None:
    """Fill in ``InferenceReady`` and the endpoint; start, roll or stop the server."""
    found, launch = facts.observed.serving, facts.plan.serving
    if launch is None or not serves(facts):
        _unwanted(facts, builder, launch, found)
        return
    state = launch_drift(found, launch, facts.plan.inputs)
    if state == "superseded":
        builder.superseded.append("serving")
    if clear and _acts(facts, found, state):
        builder.start("serving", launch, facts.plan.inputs, replaces=state == "outdated")
    _report(facts, builder, found)
    if state == "outdated":
        builder.wait(*PENDING)


def _acts(facts: LifecycleInput, found: Workload, state: str) -> bool:
    """Whether a start is due: nothing is there, the user changed it, or only the record of what was accepted is old."""
    return state in ("absent", "outdated") or (state == "current" and found.inputs != facts.plan.inputs)


def _unwanted(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch | None, found: Workload) -> None:
    """No server is due: one of an earlier result answers until its node is needed, any other ends."""
    if found.active:
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


def _report(facts: LifecycleInput, builder: DecisionBuilder, found: Workload) -> None:
    names = list(facts.plan.served_names)
    if found.phase == "ready":
        builder.conditions.set(KIND, True, *SUCCESS)
        builder.fields |= {"endpoint": found.endpoint, "served_names": names}
        return
    reason, message = found.reason or PENDING[0], found.message or PENDING[1]
    builder.conditions.set(KIND, False, reason, message)
    builder.fields |= {"endpoint": None, "served_names": names}
    if found.phase == "failed":
        builder.stall(reason, message)
    builder.wait(reason, message)
