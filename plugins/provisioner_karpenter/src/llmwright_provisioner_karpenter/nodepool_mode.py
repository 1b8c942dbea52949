"""The mode ``nodepool``: one NodePool of static capacity, whose NodeClaims Karpenter makes; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from llmwright.values.nodes import (
    Failed,
    NodeRequest,
    Outcome,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)
from llmwright_provisioner_karpenter.actions import apply
from llmwright_provisioner_karpenter.attempts import UNSEEN_S, Attempts, moment, noticed, recalled, remembered
from llmwright_provisioner_karpenter.cause import ends_of, first_cause, hopeful, refusal_of
from llmwright_provisioner_karpenter.config import NodeOptions
from llmwright_provisioner_karpenter.node_manifests import node_pool
from llmwright_provisioner_karpenter.node_names import POOLS
from llmwright_provisioner_karpenter.owned_objects import Claim, OwnedObjects, Pool
from llmwright_provisioner_karpenter.readiness import held_back, readiness, under_way
from llmwright_provisioner_karpenter.surplus import split

EMPTY_S = 2.0
"""Seconds before ``replicas`` are lowered. Karpenter chooses which machines go: empty ones first, as its caches show
them (``static.deprovisioning``, v1.14). By then they show that the pods of the surplus have ended."""

LOWERING = "lowering"
"""Key of the state: since when fewer machines are asked for than there are."""

OFF_S = 60.0
"""Seconds for which Karpenter may ignore a NodePool with ``replicas``; after that, its feature gate must be off."""


def decide_pool(
    request: NodeRequest, options: NodeOptions, observed: OwnedObjects, now: datetime
) -> ProvisionerDecision:
    """Set ``replicas`` to the requested count; after failures in a row to the ready count, then to one more."""
    ends = ends_of(observed.events)
    present, cause = hopeful(observed.pooled, ends), first_cause(observed.pooled, now)
    attempts = noticed(recalled(request.state), present, cause, now, ends)
    resting = attempts.broken and attempts.wait_s(now) > 0
    live = [claim for claim in observed.pooled if not claim.deleting]
    ready = sum(claim.ready for claim in live)
    tried = min(ready + 1, request.count) if attempts.broken else request.count
    replicas = ready if resting else tried
    lowering = _lowering(request, observed.pool, replicas, now)
    rest = (lowering + timedelta(seconds=EMPTY_S) - now).total_seconds() if lowering else 0.0
    actions: tuple[ProvisionerAction, ...] = ()
    if rest <= 0:
        actions, attempts = _applied(request, options, observed.pool, replicas, attempts, now)
    outcome = _outcome(request, observed, live, attempts, now, resting)
    state = remembered(Attempts() if isinstance(outcome, Ready) else attempts)
    if lowering is not None:
        state[LOWERING] = lowering.isoformat()
        outcome = replace(outcome, again_in=rest) if rest > 0 and not isinstance(outcome, Failed) else outcome
    return ProvisionerDecision(outcome=outcome, actions=actions, state=state)


def _lowering(request: NodeRequest, pool: Pool | None, replicas: int, now: datetime) -> datetime | None:
    """Return since when fewer machines are asked for than the NodePool has; None where it has no more."""
    if pool is None or pool.deleting or pool.replicas is None or pool.replicas <= replicas:
        return None
    return moment(request.state.get(LOWERING)) or now


def _applied(
    request: NodeRequest, options: NodeOptions, pool: Pool | None, replicas: int, attempts: Attempts, now: datetime
) -> tuple[tuple[ProvisionerAction, ...], Attempts]:
    """Create the NodePool or correct its ``replicas``; not while it is deleted, and not twice within ``UNSEEN_S``."""
    if pool is not None and (pool.deleting or pool.replicas == replicas):
        return (), attempts
    manifest = node_pool(request, options, replicas, pool.template if pool else None)
    if pool is not None:
        return (apply(manifest),), attempts
    return ((), attempts) if attempts.settling(now) else ((apply(manifest),), attempts.tried_now([], now))


def _outcome(
    request: NodeRequest, observed: OwnedObjects, live: list[Claim], attempts: Attempts, now: datetime, resting: bool
) -> Outcome:
    pool = observed.pool
    if resting:
        return held_back(request, attempts, now)
    if pool is None:
        return Waiting("NodePoolNotReady", "the NodePool is asked for", again_in=UNSEEN_S)
    if pool.deleting:
        return Waiting("NodePoolDeleting", f"NodePool {pool.name} must be gone before it is made anew")
    refused = refusal_of(pool.conditions)
    if refused is not None and not live:
        message = refused.message or f"{refused.type} is {refused.status}"
        return Failed("invalid", f"NodePool {pool.name}: {message}", refused.reason or refused.type)
    if not (observed.pooled or pool.nodes or attempts.failures or attempts.pending):
        return _refused_by_event(pool, observed) or _nobody_acts(pool, now)
    kept, _ = split(live, request)
    return under_way(attempts, readiness(request, kept, observed.nodes, now), kept)


def _refused_by_event(pool: Pool, observed: OwnedObjects) -> Outcome | None:
    cause = ends_of(observed.pool_events, pool.created).get(pool.name)
    if cause is None:
        return None
    if cause.kind is not None:
        return Failed(cause.kind, f"NodePool {cause.message}")
    return Waiting(cause.reason or "NodePoolNotReady", f"NodePool {cause.message}", again_in=OFF_S)


def _nobody_acts(pool: Pool, now: datetime) -> Outcome:
    age = (now - pool.created).total_seconds() if pool.created else 0.0
    if age < OFF_S:
        return Waiting(
            "NodePoolNotReady", f"NodePool {pool.name} has no NodeClaims yet", again_in=max(OFF_S - age, 1.0)
        )
    message = (
        f"no Karpenter makes nodes for NodePool {pool.name}, which has replicas: switch on Karpenter's feature gate "
        f"StaticCapacity for {POOLS}, or make a new Workspace with resource.provisionerConfig.mode: nodeclaim"
    )
    return Failed("invalid", message, "StaticCapacityOff")
