"""Preflight: what can be known cheaply is known before any node is asked for."""

from __future__ import annotations

from modelwright.lifecycle.digest import currency
from modelwright.lifecycle.draft import Draft, Situation
from modelwright.lifecycle.tuning import is_tuned
from modelwright.values.launch import Launch

KIND = "PreflightSucceeded"


def preflight(situation: Situation, draft: Draft) -> bool:
    """Fill in ``PreflightSucceeded``; True where the next phase may begin."""
    launch = situation.plan.preflight
    if launch is None or not situation.policy.preflight:
        draft.conditions.drop(KIND)
        return True
    if _known(situation) or _begun(situation):
        draft.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    return _run(situation, draft, launch)


def _known(situation: Situation) -> bool:
    """Whether it passed for these very inputs; plan record and condition are written in one status."""
    record, passed = situation.previous.plan, situation.previous.condition(KIND)
    same = record is not None and record.inputs == situation.plan.inputs
    return same and passed is not None and passed.status == "True"


def _begun(situation: Situation) -> bool:
    """Whether a later phase is under way for these inputs: asking again would tell nothing."""
    workloads = (situation.observed.tuning, situation.observed.serving)
    same = any(found.phase != "absent" and found.inputs == situation.plan.inputs for found in workloads)
    return same or is_tuned(situation)


def _run(situation: Situation, draft: Draft, launch: Launch) -> bool:
    found = situation.observed.preflight
    state = currency(found, launch, situation.plan.inputs)
    if state in ("absent", "outdated"):
        draft.start("preflight", launch, situation.plan.inputs, replaces=state == "outdated")
        return _pending(draft, "checking data, access and output")
    if found.phase == "succeeded":
        draft.conditions.set(KIND, True, "PreflightSucceeded", "data, access and output are in order")
        return True
    if found.phase == "failed":
        reason, message = found.reason or "PreflightFailed", found.message or "preflight failed"
        draft.conditions.set(KIND, False, reason, message)
        draft.stall(reason, message)
        return False
    return _pending(draft, found.message or "checking data, access and output")


def _pending(draft: Draft, message: str) -> bool:
    draft.conditions.set(KIND, False, "PreflightPending", message)
    draft.wait("PreflightPending", message)
    return False
