"""Giving all nodes back, in both modes; it ends even where Karpenter's kinds or its cloud are gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.values.nodes import Failed, Outcome, ProvisionerDecision, Ready, Waiting
from llmwright_provisioner_karpenter.actions import delete_claim, delete_pool
from llmwright_provisioner_karpenter.attempts import Attempts
from llmwright_provisioner_karpenter.owned_objects import Claim, OwnedObjects, Pool

STUCK_S = 900.0
"""Seconds that the deletion of a machine may take before it counts as refused."""


def release(observed: OwnedObjects, attempts: Attempts, now: datetime) -> ProvisionerDecision:
    """Delete the NodePool and all NodeClaims. Ready once none is left, or where the kinds are not served.

    What was asked for a moment ago may not be seen yet: until ``UNSEEN_S`` after that, nothing being left says nothing.
    """
    claims = (*observed.claims, *observed.pooled) if observed.served else ()
    pools = (observed.pool,) if observed.pool is not None and observed.pools_served else ()
    # The NodeClaims of a NodePool go with it. If they were deleted first, Karpenter would replace them.
    doomed = claims if not pools else observed.claims if observed.served else ()
    actions = [delete_pool(pool) for pool in pools if not pool.deleting]
    actions += [delete_claim(claim) for claim in doomed if not claim.deleting]
    outcome = _outcome((*pools, *claims), now)
    served = observed.served and observed.pools_served
    if isinstance(outcome, Ready) and served and attempts.settling(now):
        outcome = Waiting("NodesReleasing", "what was asked for last may still appear", again_in=attempts.unseen_s(now))
    return ProvisionerDecision(outcome=outcome, actions=tuple(actions))


def _outcome(left: tuple[Pool | Claim, ...], now: datetime) -> Outcome:
    if not left:
        return Ready()
    names = ", ".join(item.name for item in left)
    since = [item.deleting for item in left if item.deleting is not None]
    if not since:
        return Waiting("NodesReleasing", f"{names} are being deleted")
    rest = (min(since) + timedelta(seconds=STUCK_S) - now).total_seconds()
    if rest > 0:
        return Waiting("NodesReleasing", f"{names} are being deleted", again_in=rest)
    return Failed("invalid", f"{names} are not gone {STUCK_S / 60:g} minutes after their deletion", "ReleaseRefused")
