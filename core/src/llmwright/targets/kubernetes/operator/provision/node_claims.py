"""NodeClaims as one outcome, for the condition ``NodeClaimReady``; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmwright.targets.kubernetes.operator.cache.projection import condition, is_ready
from llmwright.values.nodes import Outcome, Ready, Waiting

STEPS = ("Launched", "Registered", "Initialized")
LAST_RESORT = "AwaitingReconciliation"
MOST_CHARACTERS = 256


def claims_outcome(claims: Sequence[Mapping[str, Any]], wanted: int) -> Outcome:
    """Return Ready once ``wanted`` claims are; else why the first step of one is not done (KAITO v0.12)."""
    if sum(map(is_ready, claims)) >= wanted:
        return Ready()
    reason, message = _why(claims)
    return Waiting(reason, message[:MOST_CHARACTERS])


def _why(claims: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    fallback = ("NodeClaimNotReady", "Ready NodeClaims are not enough")
    for claim in claims:
        for step in STEPS:
            unmet = condition(claim, step)
            if unmet.get("status") == "True" or not unmet.get("message"):
                continue
            if unmet.get("reason") != LAST_RESORT:
                return str(unmet.get("reason")), str(unmet["message"])
            fallback = (LAST_RESORT, str(unmet["message"]))
    return fallback
