"""Readiness of a Workspace's machines: ready and usable, expected, or failed with a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from llmwright.values.node_object import GPU, NodeObject
from llmwright.values.nodes import Failed, Node, NodeRequest, Outcome, Ready, Waiting
from llmwright.values.same_place import SamePlace
from llmwright_provisioner_karpenter.attempts import Attempts
from llmwright_provisioner_karpenter.cause import PATIENCE_S, first_cause
from llmwright_provisioner_karpenter.node_manifests import instance_type_name
from llmwright_provisioner_karpenter.owned_objects import Claim


def readiness(request: NodeRequest, claims: Sequence[Claim], nodes: Mapping[str, NodeObject], now: datetime) -> Outcome:
    """Return Ready with the node of each NodeClaim where all requested nodes are there and can run the workload."""
    cause = first_cause(claims, now)
    if cause is not None and cause.kind is not None:
        return Failed(cause.kind, cause.message)
    ready = [claim for claim in claims if claim.ready]
    if len(ready) < request.count:
        text = f"{len(ready)} of {request.count} NodeClaims are ready"
        if cause is not None:
            return Waiting(cause.reason, f"{text}; {cause.message}")
        return Waiting("NodeClaimNotReady", text, again_in=PATIENCE_S if claims else None)
    lacks = [trouble for claim in ready if (trouble := _lack(request, claim, nodes.get(claim.node)))]
    if lacks:
        return lacks[0]
    names = sorted(claim.node for claim in ready)
    return Ready(tuple(_node(request, nodes[name]) for name in names))


def held_back(request: NodeRequest, attempts: Attempts, now: datetime) -> Outcome:
    """Return why no machines are requested now, after failed attempts, with the time of the next attempt."""
    wait_s = max(attempts.wait_s(now), 1.0)
    again = now + timedelta(seconds=wait_s)
    count = "1 attempt" if attempts.failures == 1 else f"{attempts.failures} attempts in a row"
    next_one = f"the next one is at {again.astimezone(UTC):%H:%M:%S} UTC; {_at_once(request)}"
    message = f"{count} to get nodes failed{_last(attempts)}; {next_one}"
    kind = attempts.cause.kind if attempts.cause else None
    if attempts.broken:
        return Failed(kind or "capacity", message, "CircuitOpen", again_in=wait_s)
    if kind is not None:
        return Failed(kind, message, again_in=wait_s)
    return Waiting("BackingOff", message, again_in=wait_s)


def under_way(attempts: Attempts, waiting: Outcome, claims: Sequence[Claim]) -> Outcome:
    """Return ``waiting``; or the cause of the failure before it, until the cloud has made the machines this time.

    Otherwise the status would change with each attempt, while nothing is better.
    """
    cause = attempts.cause
    if not isinstance(waiting, Waiting) or not attempts.failures or cause is None or cause.kind is None:
        return waiting
    if claims and all(claim.launched for claim in claims):
        return waiting
    message = f"attempt {attempts.failures + 1} is under way ({waiting.message}){_last(attempts, 'the one before')}"
    return Failed(cause.kind, message, "CircuitOpen" if attempts.broken else "", again_in=waiting.again_in)


def _last(attempts: Attempts, which: str = "the last one") -> str:
    cause = attempts.cause
    failed = " failed" if which != "the last one" else ""
    return f", {which}{failed} because of {cause.reason}: {cause.message}" if cause else ""


def _lack(request: NodeRequest, claim: Claim, node: NodeObject | None) -> Waiting | None:
    """Return what a machine still lacks that Karpenter reports as Ready, None where it lacks nothing."""
    if node is None:
        return Waiting("NodeNotReady", f"node {claim.node or '(no name)'} of NodeClaim {claim.name} is not there")
    if not node.ready:
        pressed = f" ({', '.join(node.pressure)})" if node.pressure else ""
        return Waiting("NodeNotReady", f"node {node.name} is not ready{pressed}")
    wanted = instance_type_name(request)
    if node.instance_type != wanted:
        return Waiting("WrongInstanceType", f"node {node.name} is a {node.instance_type or 'machine without a type'}")
    machine = request.instance_type
    if machine is not None and machine.gpus and not node.devices():
        return Waiting("NodePluginsNotReady", f"node {node.name} offers no {GPU} yet: its device plugin is not ready")
    return None


def _node(request: NodeRequest, node: NodeObject) -> Node:
    return Node(name=node.name, instance_type=request.instance_type, pressure=node.pressure)


def _at_once(request: NodeRequest) -> str:
    """Return what somebody may do who does not wait for the next attempt."""
    rollout = SamePlace(target="kubernetes").command(f"rollout {request.workspace}", request.namespace)
    return f"an edit of the Workspace or `{rollout}` tries at once"
