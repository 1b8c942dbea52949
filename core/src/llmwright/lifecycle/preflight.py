"""Preflight: what can be known cheaply is known before any node is asked for."""

from __future__ import annotations

from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.launch_drift import launch_drift
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.tuning import is_tuned
from llmwright.values.launch import Launch

KIND = "PreflightSucceeded"


def preflight(facts: LifecycleInput, builder: DecisionBuilder) -> bool:
    """Fill in ``PreflightSucceeded``; True where the next phase may begin."""
    launch = facts.plan.preflight
    if launch is None or not facts.policy.preflight:
        builder.conditions.drop(KIND)
        return True
    if _known(facts) or _begun(facts):
        builder.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    return _run(facts, builder, launch)


def _known(facts: LifecycleInput) -> bool:
    """Whether it passed for these very inputs and was cleared away; both facts are written in one status."""
    if facts.observed.keeps_finished:
        return False
    record, passed = facts.previous.plan, facts.previous.condition(KIND)
    same = record is not None and record.inputs == facts.plan.inputs
    return same and passed is not None and passed.status == "True"


def _begun(facts: LifecycleInput) -> bool:
    """Whether a later phase is under way as planned: asking again would tell nothing, and disturb what it reads."""
    plan, observed = facts.plan, facts.observed
    pairs = [(observed.tuning, plan.tuning)] if plan.tuning else [(observed.serving, plan.serving)]
    states = [launch_drift(found, launch, plan.inputs) for found, launch in pairs if launch]
    return "current" in states or "superseded" in states or is_tuned(facts)


def _run(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch) -> bool:
    found = facts.observed.preflight
    state = launch_drift(found, launch, facts.plan.inputs)
    if facts.observed.tuning.active:
        return _pending(builder, "the tuning that is no longer asked for is ending")
    if state in ("absent", "outdated"):
        builder.start("preflight", launch, facts.plan.inputs, replaces=state == "outdated")
        if state == "absent" and found.reason:
            return _pending(builder, found.message)
        return _pending(builder, "checking data, access and output")
    if found.phase == "succeeded":
        builder.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    if found.phase == "failed":
        reason, message = found.reason or "PreflightFailed", found.message or "preflight failed"
        builder.conditions.set(KIND, False, reason, message)
        builder.stall(reason, message)
        return False
    return _pending(builder, found.message or "checking data, access and output")


def _pending(builder: DecisionBuilder, message: str) -> bool:
    builder.conditions.set(KIND, False, "PreflightPending", message)
    builder.wait("PreflightPending", message)
    return False
