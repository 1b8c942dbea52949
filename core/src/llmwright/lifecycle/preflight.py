"""Preflight: find out cheap facts (data, access, output) before a node is bought."""

from __future__ import annotations

from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.launch_drift import launch_drift, tuning_drift
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.observed import Trouble
from llmwright.lifecycle.tuning import is_tuned
from llmwright.plan.digest import without_fallback
from llmwright.values.launch import Launch

KIND = "PreflightSucceeded"
IMAGE_MISSING = "ImageMissing"
AGAIN_S = 60.0
"""How long to wait before a registry is asked again for an image that it does not have."""


def preflight(facts: LifecycleInput, builder: DecisionBuilder) -> bool:
    """Fill in ``PreflightSucceeded``; True where the next phase may begin."""
    launch, trouble = facts.plan.preflight, facts.observed.image_trouble
    if trouble is not None and facts.policy.preflight and not _begun(facts):
        return _without_image(builder, trouble)
    if launch is None or not facts.policy.preflight:
        builder.conditions.drop(KIND)
        return True
    if _known(facts) or _begun(facts):
        builder.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    return _run(facts, builder, launch)


def _known(facts: LifecycleInput) -> bool:
    """Whether it passed for the same inputs and its Job is gone. One status write holds both facts, so they agree."""
    if facts.observed.keeps_finished:
        return False
    record, passed = facts.previous.plan, facts.previous.condition(KIND)
    # Another instance type changes nothing of the data, the access and the output.
    same = record is not None and without_fallback(record.inputs) == without_fallback(facts.plan.inputs)
    return same and passed is not None and passed.status == "True"


def _begun(facts: LifecycleInput) -> bool:
    """Whether a later phase runs as planned. Another preflight would show nothing new, and disturb what that reads."""
    plan, observed = facts.plan, facts.observed
    if plan.tuning is not None:
        state = tuning_drift(observed.tuning, plan.tuning, plan.inputs)
    elif plan.serving is not None:
        state = launch_drift(observed.serving, plan.serving, plan.inputs)
    else:
        return is_tuned(facts)
    return state in ("current", "kept", "superseded") or is_tuned(facts)


def _run(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch) -> bool:
    workload = facts.observed.preflight
    state = launch_drift(workload, launch, facts.plan.inputs)
    if facts.observed.tuning.active:
        return _pending(builder, "the tuning that is no longer asked for is ending")
    if state in ("absent", "outdated"):
        builder.start("preflight", launch, facts.plan.inputs, replaces=state == "outdated")
        if state == "absent" and workload.reason:
            return _pending(builder, workload.message)
        return _pending(builder, "checking data, access and output")
    if workload.phase == "succeeded":
        builder.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    if workload.phase == "failed":
        reason, message = workload.reason or "PreflightFailed", workload.message or "preflight failed"
        builder.conditions.set(KIND, False, reason, message)
        builder.stall(reason, message)
        return False
    return _pending(builder, workload.message or "checking data, access and output")


def _without_image(builder: DecisionBuilder, trouble: Trouble) -> bool:
    """No machine is asked for while an image is missing, or its registry has not answered yet."""
    if trouble.reason != IMAGE_MISSING:
        return _pending(builder, trouble.message)
    builder.conditions.set(KIND, False, trouble.reason, trouble.message)
    builder.stall(trouble.reason, trouble.message)
    builder.wake(AGAIN_S)
    return False


def _pending(builder: DecisionBuilder, message: str) -> bool:
    builder.conditions.set(KIND, False, "PreflightPending", message)
    builder.wait("PreflightPending", message)
    return False
