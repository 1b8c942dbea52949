"""Meanings of Azure's errors: which of them need somebody, which pass, and what to do; pure.

The code decides where it is known, else the words do. Sources: Microsoft's pages 'AKS troubleshooting' and 'Resolve
errors for resource quotas', and errors that issues of github.com/Azure/AKS quote (1413, 2119, 4522, 5808).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmwright.values.nodes import FailureKind
from llmwright_provisioner_aks.seen_pools import AzureError

MOST = 480
"""The most characters of a message of Azure's."""

ROLE = "give the operator's identity the role of docs/aks.md"
CHECK_SETTINGS = "check subscriptionId, resourceGroup and clusterName under plugins.provisioner.aks"

REASONS: dict[FailureKind, str] = {
    "quota": "QuotaExceeded",
    "capacity": "InsufficientCapacity",
    "auth": "AuthorizationFailed",
    "retired": "InstanceTypeRetired",
    "invalid": "InvalidRequest",
}
"""The reasons of a TargetError for which the core asks somebody to act."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of Azure's. ``kind`` is None where it passes by itself; ``reason`` is for conditions and Events."""

    kind: FailureKind | None
    reason: str
    message: str
    hint: str = ""


_MEANINGS: dict[str, tuple[FailureKind | None, str]] = {
    "Throttled": (None, ""),
    "ClusterStopped": (None, "start it: az aks start"),
    "ClusterUpgrading": (None, ""),
    "OperationInProgress": (None, ""),
    "TooManyPools": (None, "delete pools that nobody needs, or use a second cluster"),
    "SubnetFull": ("invalid", "free addresses, or name a larger subnet by provisionerConfig.subnetId"),
    "QuotaExceeded": ("quota", "raise it: Azure portal, Quotas, Compute; or az quota update"),
    "SkuNotAvailable": ("capacity", "name another size, zone or region, or ask Azure's support to enable this one"),
    "InsufficientCapacity": ("capacity", ""),
    "InstanceTypeRetired": ("retired", "name its successor in a new Workspace"),
    "AuthorizationFailed": ("auth", ROLE),
    "AuthenticationFailed": ("auth", "see docs/aks.md, 'Identity'"),
    "ClusterNotFound": ("invalid", CHECK_SETTINGS),
    "InvalidRequest": ("invalid", ""),
    "PoolFailed": (None, ""),
}
"""Kind of failure and remedy of each reason."""

_WORDS: tuple[tuple[str, str], ...] = (
    ("ClusterStopped", r"power state\(stopped\)|cluster.{0,60}\bstopped\b|\bstopped\b.{0,60}cluster"),
    ("ClusterUpgrading", r"\(upgrading\)|cluster.{0,60}being upgraded|upgrad\w* (is )?in progress"),
    ("OperationInProgress", r"another (\w+ )?operation|operation.{0,80}in progress|preempted|overrid+en and cancel"),
    ("SubnetFull", r"subnet.{0,80}(full|enough|insufficient|available)|IPs available"),
    ("TooManyPools", r"(maximum|too many|limit)[\w ]* (of )?(agent|node) ?pools"),
    ("SkuNotAvailable", r"not allowed in your subscription|not available in (location|region|zone)|not supported in"),
    ("QuotaExceeded", r"\bquota\b|exceeding approved .*cores"),
    ("AuthorizationFailed", r"does not have authorization|deny assignment"),
    ("AuthenticationFailed", r"AADSTS\d+"),
    ("InstanceTypeRetired", r"\bretired\b"),
    ("InsufficientCapacity", r"allocation failed|sufficient capacity|too restrictive"),
    ("Throttled", r"request limit has been exceeded"),
)
"""Words of messages, for codes that say too little; the first that match hold."""

_CODES: tuple[tuple[str, str], ...] = (
    ("Throttled", r"TooManyRequests|\w*RequestsThrottled\w*"),
    ("OperationInProgress", r"EtagMismatch|PreconditionFailed|OriginalEtagNotExpect|OperationPreempted|Conflict"),
    ("TooManyPools", r"MaxAgentPoolCountReached|TooManyAgentPools"),
    ("SubnetFull", r"InsufficientSubnetSize|SubnetIsFull"),
    ("QuotaExceeded", r"QuotaExceeded|ErrCode_InsufficientVCPUQuota|InsufficientVCPUQuota|MaxSpotInstanceCount\w*"),
    ("InsufficientCapacity", r"(Zonal)?AllocationFailed|Overconstrained(Zonal)?AllocationRequest|SpotPreempted"),
    ("SkuNotAvailable", r"SkuNotAvailable|AvailabilityZoneNotSupported|VMSizeNotSupported|NotAvailableForSubscription"),
    ("AuthorizationFailed", r"(Linked)?AuthorizationFailed|AuthorizationPermissionMismatch|DenyAssignment\w*"),
    ("AuthenticationFailed", r"\w*Authentication(Token|Failed)\w*|ExpiredAuthenticationToken|Unauthorized"),
    ("ClusterNotFound", r"ResourceGroupNotFound|(Parent)?ResourceNotFound|SubscriptionNotFound|InvalidSubscriptionId"),
    ("InvalidRequest", r"Invalid\w*|PropertyChangeNotAllowed|RequestDisallowedByPolicy"),
)
_STATUSES = {401: "AuthenticationFailed", 403: "AuthorizationFailed", 409: "OperationInProgress", 429: "Throttled",
             412: "OperationInProgress", 400: "InvalidRequest"}  # fmt: skip
_ACTION = re.compile(r"action '([^']+)'(?: over scope '([^']+)')?")


def refusal_of(error: AzureError, status: int | None = None) -> Refusal:
    """Return what an error means. One that is not known passes for something that may pass by itself."""
    text = f"{error.code}: {error.message}" if error.code else error.message
    message = " ".join(text.split())[:MOST] or "Azure gave no reason"
    reason = _reason(error, status)
    kind, hint = _MEANINGS[reason]
    return Refusal(kind, reason, message, _with_action(error.message, hint) if kind == "auth" else hint)


def _reason(error: AzureError, status: int | None) -> str:
    for reason, pattern in _CODES:
        if re.fullmatch(pattern, error.code):
            return reason
    for reason, pattern in _WORDS:
        if re.search(pattern, error.message, re.IGNORECASE | re.DOTALL):
            return reason
    return _STATUSES.get(status or 0, "PoolFailed")


def _with_action(message: str, hint: str) -> str:
    match = _ACTION.search(message)
    if match is None:
        return hint
    scope = f" on {match[2]}" if match[2] else ""
    return f"it lacks {match[1]}{scope}: {hint}"
