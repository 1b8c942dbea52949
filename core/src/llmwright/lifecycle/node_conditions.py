"""The conditions of nodes that are missing, and the reasons for it."""

from __future__ import annotations

from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.observed import Trouble
from llmwright.values.nodes import Outcome, Ready

NOT_READY = Trouble("NodeNotReady", "Not enough Nodes are ready")
REASONS = {"quota": "QuotaExceeded", "capacity": "InsufficientCapacity", "auth": "AuthorizationFailed"} | {
    "invalid": "InvalidRequest",
    "retired": "InstanceTypeRetired",
    "transient": "ProvisioningFailed",
}


def not_ready(builder: DecisionBuilder, trouble: Trouble, claims: Outcome | None, *, root: bool = False) -> None:
    """Set the conditions of missing nodes. A ``root`` cause is not hidden by the trouble of the NodeClaims."""
    builder.conditions.set("NodesReady", False, trouble.reason, trouble.message)
    if claims is None:
        builder.conditions.drop("NodeClaimReady")
    else:
        claims_trouble = _claims(builder, claims)
        if not root and claims_trouble is not None and not _tells_more(trouble, claims_trouble):
            trouble = claims_trouble
    builder.conditions.set("ResourceReady", False, trouble.reason, trouble.message)
    builder.wait(trouble.reason, trouble.message)


def _tells_more(trouble: Trouble, claims: Trouble) -> bool:
    """Return whether the provisioner has a reason of its own, and the NodeClaims only that they are too few."""
    return claims.reason == "NodeClaimNotReady" and trouble.reason not in ("NodeNotReady", claims.reason)


def _claims(builder: DecisionBuilder, claims: Outcome) -> Trouble | None:
    if isinstance(claims, Ready):
        builder.conditions.set("NodeClaimReady", True, "NodeClaimsReady", "Enough NodeClaims are ready")
        return None
    trouble = Trouble(claims.reason or "NodeClaimNotReady", claims.message or "Ready NodeClaims are not enough")
    builder.conditions.set("NodeClaimReady", False, trouble.reason, trouble.message)
    return trouble
