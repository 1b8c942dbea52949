"""Which acts one Workspace's nodes need now, and how far they are; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from llmwright.values.node_object import NodeObject
from llmwright.values.nodes import (
    NodeRequest,
    Outcome,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)
from llmwright_provisioner_aks.actions import ask, create, delete, look, repair, resize, shrink
from llmwright_provisioner_aks.attempts import Attempts, recalled, remembered
from llmwright_provisioner_aks.options import AksOptions
from llmwright_provisioner_aks.pool_body import autoscaling, pool_body, shape_of
from llmwright_provisioner_aks.pool_names import pool_names
from llmwright_provisioner_aks.readiness import GONE_S, LOOK_S, failed_of, missing_of, readiness, sorted_nodes
from llmwright_provisioner_aks.refusals import Refusal, refusal_of
from llmwright_provisioner_aks.seen_pools import AzureError, OwnPools, SeenPool

Actions = tuple[ProvisionerAction, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """The result of one look; ``attempts`` is the memory after it."""

    outcome: Outcome
    attempts: Attempts
    actions: Actions = ()


def decide_pools(
    request: NodeRequest, options: AksOptions, observed: OwnPools, most: int, now: datetime
) -> ProvisionerDecision:
    """Have one pool with the nodes of ``request``, of at most ``most`` pools of the cluster; give back all others."""
    attempts = recalled(request.state, request.inputs)
    if request.count == 0:
        return _decision(request, _release(request, observed, attempts, now))
    shape = shape_of(pool_body(request, options))
    pool, others = _chosen(request, observed, shape)
    if pool is None:
        step = _without_pool(request, options, observed, attempts, most, now)
    else:
        step = _with_pool(request, options, observed, pool, attempts, now)
    # Pools of another shape that have pods go last: until the new nodes are ready, those are the ones that answer.
    surplus = [
        delete(each)
        for each in others
        if not each.deleting and (isinstance(step.outcome, Ready) or not _occupied(request, observed, each))
    ]
    return _decision(request, replace(step, actions=(*step.actions, *surplus)))


def _decision(request: NodeRequest, step: _Step) -> ProvisionerDecision:
    attempts = step.attempts
    if isinstance(step.outcome, Ready) and not step.actions:
        attempts = Attempts()
    return ProvisionerDecision(outcome=step.outcome, actions=step.actions, state=remembered(attempts, request.inputs))


def _release(request: NodeRequest, observed: OwnPools, attempts: Attempts, now: datetime) -> _Step:
    if observed.pools:
        names = ", ".join(pool.name for pool in observed.pools)
        actions = tuple(delete(pool) for pool in observed.pools if not pool.deleting)
        if not actions and observed.emptied:
            actions = (look(observed.emptied),)
        return _Step(Waiting("PoolDeleting", f"agent pool {names} is being deleted", GONE_S), attempts, actions)
    name = _next_name(request, observed)
    if attempts.is_settled(observed.listed) or name in observed.refused:
        return _Step(Ready(()), attempts)
    # A pool may be coming whose creation was never answered: a release that ends now would leave it behind.
    message = "a pool was asked for a moment ago, and Azure's list may not show it yet"
    rest_s = attempts.settling_s(now)
    actions = () if rest_s else (look((name,)),)
    return _Step(Waiting("PoolSettling", message, rest_s or LOOK_S), attempts, actions)


def _next_name(request: NodeRequest, observed: OwnPools) -> str:
    """Return the name of the pool that is asked for next, which is also that of one asked for and not yet listed."""
    return next(each for each in pool_names(request.namespace, request.workspace) if each not in observed.taken)


def _chosen(request: NodeRequest, observed: OwnPools, shape: str) -> tuple[SeenPool | None, Sequence[SeenPool]]:
    """Return the pool to keep, the one with most pods of those that are as asked for, and the others."""
    fitting = sorted(
        (pool for pool in observed.pools if pool.shape == shape and not pool.deleting),
        key=lambda pool: (-_occupied(request, observed, pool), -len(observed.nodes_of(pool)), pool.name),
    )
    pool = fitting[0] if fitting else None
    return pool, [each for each in observed.pools if each is not pool]


def _occupied(request: NodeRequest, observed: OwnPools, pool: SeenPool) -> int:
    return sum(node.name in request.occupied for node in observed.nodes_of(pool))


def _without_pool(
    request: NodeRequest, options: AksOptions, observed: OwnPools, attempts: Attempts, most: int, now: datetime
) -> _Step:
    if attempts.ended is not None:
        if attempts.ended.get("status") != "Succeeded":
            attempts = attempts.failed_now(f"{attempts.asked}", _ended(attempts), now)
        attempts = replace(attempts, operation="", ended=None, asked=None)
    if attempts.wait_s(now) > 0:
        return _Step(failed_of(request, attempts, now), attempts)
    name = _next_name(request, observed)
    rest_s = attempts.settling_s(now)
    if rest_s and name not in observed.refused:
        return _Step(Waiting("PoolSettling", "Azure's list does not show the agent pool yet", rest_s), attempts)
    if attempts.operation and attempts.asked:
        # It was accepted, and there is no pool: only the operation tells why.
        waiting = Waiting("PoolMissing", f"agent pool {name} was accepted, and is not there", LOOK_S)
        return _Step(waiting, attempts, (ask(name, attempts.operation),))
    if len(observed.taken) >= most:
        message = f"the cluster has {len(observed.taken)} agent pools, and {most} is the most: one must go first"
        return _Step(Waiting("TooManyPools", message, LOOK_S), attempts)
    waiting = Waiting("PoolRequested", f"agent pool {name} is asked for", LOOK_S)
    action = create(name, pool_body(request, options), request.instance_type)
    return _Step(waiting, attempts.asked_now(now), (action,))


def _with_pool(
    request: NodeRequest, options: AksOptions, observed: OwnPools, pool: SeenPool, attempts: Attempts, now: datetime
) -> _Step:
    nodes = sorted_nodes(observed.nodes_of(pool), request.occupied)
    outcome = readiness(request, pool, nodes)
    sized = _sized(request, options, pool, nodes)
    if isinstance(outcome, Ready):
        return _Step(outcome, Attempts(), () if pool.busy else sized)
    if pool.failed:
        return _failed(request, pool, nodes, attempts, now)
    if pool.busy or pool.power != "Running":
        return _Step(outcome, replace(attempts, missing=None))
    if sized:
        if attempts.wait_s(now) > 0:
            return _Step(failed_of(request, attempts, now), attempts)
        return _Step(outcome, replace(attempts, missing=None), sized)
    return _joining(request, pool, nodes, outcome, attempts, now)


def _sized(request: NodeRequest, options: AksOptions, pool: SeenPool, nodes: Sequence[NodeObject]) -> Actions:
    """Return the act that gives the pool its size again, whoever changed it."""
    bounds = autoscaling(request.count, options)
    if bounds is not None or pool.bounds is not None:
        return () if pool.bounds == bounds else (resize(pool, request.count, bounds),)
    if pool.count < request.count:
        return (resize(pool, request.count, None),)
    if pool.count > request.count:
        return (shrink(pool, request.count, (node.name for node in nodes[: request.count])),)
    return ()


def _failed(
    request: NodeRequest, pool: SeenPool, nodes: Sequence[NodeObject], attempts: Attempts, now: datetime
) -> _Step:
    """A pool whose operation failed: without nodes it goes, so that it costs nothing; with some it is tried again."""
    if pool.error is None and attempts.operation and attempts.ended is None:
        waiting = Waiting("PoolFailed", f"the operation on agent pool {pool.name} failed", LOOK_S)
        # It is forgotten once it has told: Azure may not be reached now.
        return _Step(waiting, attempts, (ask(pool.name, attempts.operation),))
    cause = refusal_of(pool.error) if pool.error else _ended(attempts)
    attempts = attempts.failed_now(pool.name, cause, now)
    outcome = failed_of(request, attempts, now)
    if not nodes:
        return _Step(outcome, attempts, (delete(pool),))
    if attempts.wait_s(now) > 0:
        return _Step(outcome, attempts)
    return _Step(outcome, replace(attempts, counted=""), (resize(pool, request.count, pool.bounds),))


def _joining(
    request: NodeRequest,
    pool: SeenPool,
    nodes: Sequence[NodeObject],
    outcome: Outcome,
    attempts: Attempts,
    now: datetime,
) -> _Step:
    """Nodes of a pool that is as it should be are missing: asked for once more, then their machines are replaced."""
    if not missing_of(request, nodes):
        return _Step(outcome, replace(attempts, missing=None, mended=False))
    attempts = replace(attempts, missing=attempts.missing or now)
    if attempts.join_s(now) > 0 and isinstance(outcome, Waiting):
        since = f"since {attempts.missing.astimezone(UTC):%H:%M:%S} UTC" if attempts.missing else ""
        waiting = replace(outcome, message=f"{outcome.message}, {since}")
        if attempts.mended or attempts.mend_s(now) > 0:
            return _Step(waiting, attempts)
        # A machine that was evicted or deleted by hand comes back where AKS is given the same count again.
        return _Step(
            waiting, replace(attempts, mended=True), (resize(pool, max(pool.count, request.count), pool.bounds),)
        )
    kept = [node.name for node in nodes if node.ready or node.name in request.occupied]
    message = f"{request.count - len(kept)} of {request.count} machines of agent pool {pool.name} never became nodes"
    cause = Refusal(None, "NodeNeverJoined", message, "look at them: az aks machine list")
    attempts = attempts.failed_now(f"{pool.name}/{now.isoformat()}", cause, now)
    return _Step(
        failed_of(request, attempts, now), attempts, (repair(pool, request.count, kept),) if kept else (delete(pool),)
    )


def _ended(attempts: Attempts) -> Refusal:
    ended = attempts.ended or {}
    return refusal_of(AzureError(ended.get("code", ""), ended.get("message", "")))
