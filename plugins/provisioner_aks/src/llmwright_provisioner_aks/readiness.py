"""How far the nodes of a pool are, and what is said of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from llmwright.values.node_object import GPU, NodeObject
from llmwright.values.nodes import Failed, Node, NodeRequest, Outcome, Ready, Waiting
from llmwright.values.same_place import SamePlace
from llmwright_provisioner_aks.attempts import Attempts
from llmwright_provisioner_aks.pool_body import instance_type_name
from llmwright_provisioner_aks.seen_pools import SeenPool

LOOK_S = 60.0
"""Seconds between two looks at a pool that changes. Its nodes are watched, so only a failure is seen that late."""

GONE_S = 30.0
"""Seconds between two looks at a pool that goes: nothing else tells that it is gone."""


def sorted_nodes(nodes: Iterable[NodeObject], occupied: frozenset[str]) -> tuple[NodeObject, ...]:
    """Return nodes in the order in which they are kept: those with pods, then those that are ready, then by name."""
    return tuple(sorted(nodes, key=lambda node: (node.name not in occupied, not node.ready, node.name)))


def readiness(request: NodeRequest, pool: SeenPool, nodes: Sequence[NodeObject]) -> Outcome:
    """Return Ready once as many nodes as are asked for joined and offer their GPUs, else what is waited for."""
    if pool.power != "Running":
        message = f"agent pool {pool.name} is {pool.power.lower()}: start it by az aks nodepool start"
        return Waiting("PoolStopped", message, LOOK_S)
    lacks = {node.name: lack for node in nodes if (lack := _lack(request, node))}
    usable = [node for node in nodes if node.name not in lacks][: request.count]
    if len(usable) >= request.count:
        return Ready(tuple(Node(name=node.name, instance_type=request.instance_type, pressure=node.pressure)
                           for node in usable))  # fmt: skip
    if lacks:
        return Waiting(*next(iter(lacks.values())), again_in=LOOK_S)
    joined = f"{len(nodes)} of {request.count} nodes have joined"
    if pool.busy:
        return Waiting("PoolNotReady", f"agent pool {pool.name} is {_words(pool.state)}; {joined}", LOOK_S)
    return Waiting("NodesJoining", f"agent pool {pool.name} is there; {joined}", LOOK_S)


def missing_of(request: NodeRequest, nodes: Sequence[NodeObject]) -> int:
    """Return how many machines that are needed have not joined, or joined and are not ready."""
    return max(request.count - sum(node.ready for node in nodes), 0)


def failed_of(request: NodeRequest, attempts: Attempts, now: datetime) -> Outcome:
    """Return why there are no nodes after failures, and the time of the next attempt."""
    cause, wait_s = attempts.cause, max(attempts.wait_s(now), 1.0)
    again = now + timedelta(seconds=wait_s)
    count = "1 attempt" if attempts.failures == 1 else f"{attempts.failures} attempts in a row"
    why = f": {cause.message}" if cause else ""
    hint = f" ({cause.hint})" if cause and cause.hint else ""
    message = f"{count} failed{why}{hint}; the next one is at {again.astimezone(UTC):%H:%M:%S} UTC; {_at_once(request)}"
    if cause is None or cause.kind is None:
        return Waiting(cause.reason if cause else "PoolFailed", message, wait_s)
    return Failed(cause.kind, message, cause.reason, again_in=wait_s)


def _lack(request: NodeRequest, node: NodeObject) -> tuple[str, str] | None:
    """Return reason and message of what a node lacks; None where it lacks nothing."""
    if not node.ready:
        pressed = f" ({', '.join(node.pressure)})" if node.pressure else ""
        return "NodeNotReady", f"node {node.name} is not ready{pressed}"
    wanted = instance_type_name(request)
    if wanted and node.instance_type and node.instance_type != wanted:
        return "WrongInstanceType", f"node {node.name} is a {node.instance_type}, not a {wanted}"
    machine = request.instance_type
    if machine is not None and machine.gpus and not node.devices():
        return "NodePluginsNotReady", f"node {node.name} offers no {GPU} yet: its device plugin is not ready"
    return None


def _words(state: str) -> str:
    return state.lower() or "changing"


def _at_once(request: NodeRequest) -> str:
    """Return what somebody may do who does not wait for the next attempt."""
    rollout = SamePlace(target="kubernetes").command(f"rollout {request.workspace}", request.namespace)
    return f"an edit of the Workspace or `{rollout}` tries at once"
