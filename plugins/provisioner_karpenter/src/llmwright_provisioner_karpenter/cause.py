"""Why a machine does not come: the first condition of a NodeClaim or NodePool that says so, and of what kind it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmwright.values.nodes import FailureKind
from llmwright_provisioner_karpenter.owned_objects import Claim, Condition

MOST = 256
PATIENCE_S = 120.0
STAGES = ("Launched", "Registered", "Initialized")
"""Conditions of a NodeClaim in the order in which they become True."""

LAST_RESORT = "AwaitingReconciliation"
"""The reason of a stage that nobody looked at yet."""

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
"""Words of Azure's, AWS's and Karpenter's errors, in the order in which they count."""


@dataclass(frozen=True, slots=True)
class Cause:
    """``kind`` is None where the words tell none."""

    kind: FailureKind | None
    reason: str
    message: str


def cause_of(claim: Claim, now: datetime) -> Cause | None:
    """The first stage that is not reached, if it tells more than that time has to pass.

    A machine that was launched is given ``PATIENCE_S`` to register and come up before that counts as a cause.
    """
    stages = {each.type: each for each in claim.conditions if each.status != "True" and each.message}
    told = [stages[stage] for stage in STAGES if stage in stages and stages[stage].reason != LAST_RESORT]
    if not told or (told[0].type != STAGES[0] and not _old(claim, now)):
        return None
    text = f"{told[0].reason}: {told[0].message}"
    return Cause(kind_of(text), told[0].reason or "NodeClaimNotReady", f"{claim.name}: {told[0].message}"[:MOST])


def first_cause(claims: Iterable[Claim], now: datetime) -> Cause | None:
    """The gravest among ``claims``: one with a kind before one without."""
    found = [cause for claim in claims if not claim.ready and (cause := cause_of(claim, now))]
    return next((cause for cause in found if cause.kind), found[0] if found else None)


def refusal_of(conditions: Iterable[Condition]) -> Condition | None:
    """What a NodePool says is wrong with itself, such as a node class that is not there."""
    return next(
        (each for each in conditions if each.status == "False" and each.type != "NodeRegistrationHealthy"), None
    )


def kind_of(text: str) -> FailureKind | None:
    """What sort of trouble the words of a cloud tell."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, text, re.IGNORECASE)), None)


def _old(claim: Claim, now: datetime) -> bool:
    return claim.created is not None and now >= claim.created + timedelta(seconds=PATIENCE_S)
