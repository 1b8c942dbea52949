"""NodeClaims as one outcome, for the condition ``NodeClaimReady``; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmwright.targets.kubernetes.operator.observe.pod_causes import is_ready
from llmwright.values.nodes import Outcome, Ready, Waiting

STEPS = ("Launched", "Registered", "Initialized")
LAST_RESORT = "AwaitingReconciliation"
MOST_CHARACTERS = 256


def claims_outcome(claims: Sequence[Mapping[str, Any]], wanted: int) -> Outcome:
    """Ready once ``wanted`` are; else why the first step of one is not done (KAITO v0.12)."""
    if sum(map(is_ready, claims)) >= wanted:
        return Ready()
    reason, message = _why(claims)
    return Waiting(reason, message[:MOST_CHARACTERS])


def _why(claims: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    fallback = ("NodeClaimNotReady", "Ready NodeClaims are not enough")
    for claim in claims:
        conditions = {one["type"]: one for one in (claim.get("status") or {}).get("conditions") or []}
        for step in STEPS:
            one = conditions.get(step) or {}
            if one.get("status") == "True" or not one.get("message"):
                continue
            if one.get("reason") != LAST_RESORT:
                return str(one.get("reason")), str(one["message"])
            fallback = (LAST_RESORT, str(one["message"]))
    return fallback
