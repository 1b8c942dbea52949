"""Preflight: what can be known cheaply is known before any node is asked for."""

from __future__ import annotations

from llmwright.lifecycle.currency import currency
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.tuning import is_tuned
from llmwright.values.launch import Launch

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
    """Whether it passed for these very inputs and was cleared away; both facts are written in one status."""
    if situation.observed.keeps_finished:
        return False
    record, passed = situation.previous.plan, situation.previous.condition(KIND)
    same = record is not None and record.inputs == situation.plan.inputs
    return same and passed is not None and passed.status == "True"


def _begun(situation: Situation) -> bool:
    """Whether a later phase is under way as planned: asking again would tell nothing, and disturb what it reads."""
    plan, observed = situation.plan, situation.observed
    pairs = [(observed.tuning, plan.tuning)] if plan.tuning else [(observed.serving, plan.serving)]
    states = [currency(found, launch, plan.inputs) for found, launch in pairs if launch]
    return "current" in states or "superseded" in states or is_tuned(situation)


def _run(situation: Situation, draft: Draft, launch: Launch) -> bool:
    found = situation.observed.preflight
    state = currency(found, launch, situation.plan.inputs)
    if situation.observed.tuning.active:
        return _pending(draft, "the tuning that is no longer asked for is ending")
    if state in ("absent", "outdated"):
        draft.start("preflight", launch, situation.plan.inputs, replaces=state == "outdated")
        if state == "absent" and found.reason:
            return _pending(draft, found.message)
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
