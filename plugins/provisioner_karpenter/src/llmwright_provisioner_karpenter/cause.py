"""The cause of a missing machine: the first failing condition of a NodeClaim or NodePool, and its failure kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmwright.values.nodes import FailureKind
from llmwright_provisioner_karpenter.owned_objects import Claim, ClaimCondition

MOST = 256
PATIENCE_S = 120.0
STAGES = ("Launched", "Registered", "Initialized")
"""Conditions of a NodeClaim in the order in which they become True."""

LAST_RESORT = "AwaitingReconciliation"
"""The reason of a stage that no controller has handled yet."""

_KINDS: tuple[tuple[FailureKind, str], ...] = (
    ("quota", r"quota|limitexceeded|maxspotinstancecount|exceed\w* .*(cores|limit)|operationnotallowed"),
    ("auth", r"unauthorized|authorizationfailed|accessdenied|forbidden|not authorized|invalidauthenticationtoken"),
    (
        "capacity",
        r"insufficient\w*capacity|insufficient capacity|skunotavailable|allocationfailed|overconstrained"
        r"|capacity is not available|unfulfillablecapacity|no capacity",
    ),
    (
        "invalid",
        r"nodeclass\w* ?not ?(ready|found)|instance ?types?\W.*not found|no instance type|instance type requirement"
        r"|should be more than 0|not supported|invalid(parameter|request)|couldn't find|not found",
    ),
)
"""Patterns of Azure's, AWS's and Karpenter's errors, the strongest first."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of a missing machine. ``kind`` is None where the message matches no pattern."""

    kind: FailureKind | None
    reason: str
    message: str


def cause_of(claim: Claim, now: datetime) -> Cause | None:
    """Return the cause in the first stage that is not reached, None where the machine only needs time.

    A launched machine has ``PATIENCE_S`` to register and start before that counts as a cause.
    """
    stages = {
        condition.type: condition for condition in claim.conditions if condition.status != "True" and condition.message
    }
    unreached = [stages[stage] for stage in STAGES if stage in stages and stages[stage].reason != LAST_RESORT]
    if not unreached or (unreached[0].type != STAGES[0] and not _old(claim, now)):
        return None
    text = f"{unreached[0].reason}: {unreached[0].message}"
    return Cause(
        kind_of(text), unreached[0].reason or "NodeClaimNotReady", f"{claim.name}: {unreached[0].message}"[:MOST]
    )


def first_cause(claims: Iterable[Claim], now: datetime) -> Cause | None:
    """Return the first cause among ``claims`` that has a kind, else the first cause."""
    causes = [cause for claim in claims if not claim.ready and (cause := cause_of(claim, now))]
    return next((cause for cause in causes if cause.kind), causes[0] if causes else None)


def refusal_of(conditions: Iterable[ClaimCondition]) -> ClaimCondition | None:
    """Return the condition with which a NodePool reports its own error, such as a missing node class."""
    return next(
        (
            condition
            for condition in conditions
            if condition.status == "False" and condition.type != "NodeRegistrationHealthy"
        ),
        None,
    )


def kind_of(text: str) -> FailureKind | None:
    """Return the failure kind that matches a cloud's message, None where none matches."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, text, re.IGNORECASE)), None)


def _old(claim: Claim, now: datetime) -> bool:
    return claim.created is not None and now >= claim.created + timedelta(seconds=PATIENCE_S)
