"""The mode ``nodeclaim``: as many NodeClaims of our own as requested nodes; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from llmwright.values.nodes import NodeRequest, Outcome, ProvisionerAction, ProvisionerDecision, Ready, Waiting
from llmwright_provisioner_karpenter.actions import ACCELERATOR, apply, delete_claim, label_node
from llmwright_provisioner_karpenter.attempts import SKEW_S, UNSEEN_S, Attempts, noticed, recalled, remembered
from llmwright_provisioner_karpenter.cause import ends_of, first_cause, hopeful
from llmwright_provisioner_karpenter.config import NodeOptions
from llmwright_provisioner_karpenter.node_manifests import node_claim
from llmwright_provisioner_karpenter.node_names import claim_names
from llmwright_provisioner_karpenter.owned_objects import Claim, OwnedObjects
from llmwright_provisioner_karpenter.readiness import held_back, readiness, under_way
from llmwright_provisioner_karpenter.surplus import split


def decide_claims(
    request: NodeRequest, options: NodeOptions, observed: OwnedObjects, now: datetime
) -> ProvisionerDecision:
    """Request missing NodeClaims, and delete surplus ones.

    A NodeClaim that is being deleted counts until it is gone: a replacement would cost twice, and its name is taken.
    """
    present = {claim.name: claim.ready for claim in observed.claims}
    before = recalled(request.state)
    # Names are used again: an Event from before the last request tells of an earlier NodeClaim.
    since = before.tried - timedelta(seconds=SKEW_S) if before.tried is not None else now
    ends = ends_of(observed.events, since)
    attempts = noticed(before, hopeful(observed.claims, ends), first_cause(observed.claims, now), now, ends)
    kept, surplus = split([claim for claim in observed.claims if not claim.deleting], request)
    missing = max(request.count - len(observed.claims), 0)
    actions = [delete_claim(claim) for claim in surplus] + _labels(options, kept, observed)
    if missing and attempts.wait_s(now) > 0:
        return _decision(held_back(request, attempts, now), actions, attempts)
    if missing:
        names = _free_names(request, present, _allowed(missing, attempts, present))
        fresh = [name for name in names if not (name in attempts.asked and attempts.settling(now))]
        actions += [apply(node_claim(request, options, name)) for name in fresh]
        attempts = attempts.tried_now([*attempts.asked, *fresh], now) if fresh else attempts
        text = f"{len(kept)} of {request.count} NodeClaims are there, the others are asked for"
        asked = Waiting("NodeClaimNotReady", text, again_in=UNSEEN_S)
        return _decision(under_way(attempts, asked, ()), actions, attempts)
    if len(kept) < request.count:
        gone = ", ".join(claim.name for claim in observed.claims if claim.deleting)
        going = Waiting("NodeClaimDeleting", f"{gone} must be gone before it is replaced")
        rests = attempts.wait_s(now) > 0 and attempts.cause is not None
        return _decision(
            held_back(request, attempts, now) if rests else under_way(attempts, going, ()), actions, attempts
        )
    outcome = readiness(request, kept, observed.nodes, now)
    ready = isinstance(outcome, Ready)
    return _decision(under_way(attempts, outcome, kept), actions, Attempts() if ready else attempts)


def _allowed(missing: int, attempts: Attempts, present: Mapping[str, bool]) -> int:
    """Return how many machines may be asked for now: while the circuit is open one at a time, to see if it works."""
    if not attempts.broken:
        return missing
    return 0 if not all(present.values()) else 1


def _free_names(request: NodeRequest, present: dict[str, bool], count: int) -> list[str]:
    names = claim_names(request.namespace, request.workspace)
    return [*islice((name for name in names if name not in present), count)]


def _labels(options: NodeOptions, claims: Sequence[Claim], observed: OwnedObjects) -> list[ProvisionerAction]:
    """Label nodes for KAITO's device plugin: KAITO's gpu-provisioner does not set that label."""
    if not options.gpu_provisioner:
        return []
    nodes = [observed.nodes[claim.node] for claim in claims if claim.ready and claim.node in observed.nodes]
    return [label_node(node.name) for node in nodes if not node.matches(ACCELERATOR)]


def _decision(outcome: Outcome, actions: Sequence[ProvisionerAction], attempts: Attempts) -> ProvisionerDecision:
    return ProvisionerDecision(outcome=outcome, actions=tuple(actions), state=remembered(attempts))
