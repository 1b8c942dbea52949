"""The cause of a missing machine: the first failing condition of a NodeClaim or NodePool, and its failure kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmwright.values.nodes import FailureKind
from llmwright_provisioner_karpenter.owned_objects import Claim, ClaimCondition, ClaimEvent

MOST = 256
PATIENCE_S = 120.0
STAGES = ("Launched", "Registered", "Initialized")
"""Conditions of a NodeClaim in the order in which they become True."""

LAST_RESORT = "AwaitingReconciliation"
"""The reason of a stage that no controller has handled yet."""

OF_DELETION = frozenset(
    {"FailedDraining", "TerminationGracePeriodExpiring", "FailedTermination", "FailedConsistencyCheck", "Disrupted"}
)
"""Reasons of Events (Karpenter's ``pkg/events/reason.go``) that accompany a deletion and tell no cause of it."""

_PREFIX = re.compile(r"^NodeClaim \S+ event: ")

_KINDS: tuple[tuple[FailureKind, str], ...] = (
    ("quota", r"quota|limitexceeded|maxspotinstancecount|exceed\w* .*(cores|limit)|operationnotallowed"),
    (
        "auth",
        r"unauthorized|authorizationfailed|access ?denied|forbidden|not authorized|permission_?denied|permission denied"
        r"|invalidauthenticationtoken|invalidclienttokenid|expiredtoken|authfailure|aadsts\d",
    ),
    (
        "capacity",
        r"insufficient\w*capacity|insufficient capacity|skunotavailable|allocationfailed|overconstrained"
        r"|capacity is not available|unfulfillablecapacity|no capacity|reservationcapacityexceeded|spotinterrupted"
        r"|resource_?pool_?exhausted|out of capacity|unavailable during launch",
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
    """The cause of a missing machine. ``kind`` is None where the message matches no pattern.

    ``uid`` is that of the NodeClaim where an Event told the cause.
    """

    kind: FailureKind | None
    reason: str
    message: str
    uid: str = ""


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


def ends_of(events: Iterable[ClaimEvent], since: datetime | None = None) -> Mapping[str, Cause]:
    """Return the cause that the latest Event tells, by the name of the NodeClaim; Events before ``since`` are left out.

    Events that only accompany a deletion tell none.
    """
    causes: dict[str, Cause] = {}
    for event in events:
        if event.reason in OF_DELETION or (since is not None and event.at < since):
            continue
        text = _PREFIX.sub("", event.message)
        kind = kind_of(f"{event.reason}: {text}")
        causes[event.name] = Cause(kind, event.reason, f"{event.name}: {text}"[:MOST], event.uid)
    return causes


def hopeful(claims: Iterable[Claim], ends: Mapping[str, Cause]) -> dict[str, bool]:
    """Return whether each NodeClaim is Ready, by its name; without those that go and of whose end an Event tells."""
    uids = {cause.uid for cause in ends.values()}
    return {claim.name: claim.ready for claim in claims if claim.ready or not (claim.deleting and claim.uid in uids)}


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
