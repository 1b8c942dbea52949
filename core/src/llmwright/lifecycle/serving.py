"""Serving: InferenceReady becomes True once the endpoint answered, and not before."""

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
    workload, launch = facts.observed.serving, facts.plan.serving
    if launch is None or not serves(facts):
        _unwanted(facts, builder, launch, workload)
        return
    state = launch_drift(workload, launch, facts.plan.inputs)
    if state == "superseded":
        builder.superseded.append("serving")
    if clear and _acts(facts, workload, state):
        builder.start("serving", launch, facts.plan.inputs, replaces=state == "outdated")
    _report(facts, builder, workload)
    if state == "outdated":
        builder.wait(*PENDING)


def _acts(facts: LifecycleInput, workload: Workload, state: str) -> bool:
    """Whether a start is due: no server is there, the user changed it, or its record of accepted inputs is old."""
    return state in ("absent", "outdated") or (state == "current" and workload.inputs != facts.plan.inputs)


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
    names = list(facts.plan.served_names)
    if workload.phase == "ready":
        builder.conditions.set(KIND, True, *SUCCESS)
        builder.fields |= {"endpoint": workload.endpoint, "served_names": names}
        return
    reason, message = workload.reason or PENDING[0], workload.message or PENDING[1]
    builder.conditions.set(KIND, False, reason, message)
    builder.fields |= {"endpoint": None, "served_names": names}
    if workload.phase == "failed":
        builder.stall(reason, message)
    builder.wait(reason, message)
