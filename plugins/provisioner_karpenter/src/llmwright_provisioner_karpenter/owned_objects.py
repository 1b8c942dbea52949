"""The objects of one Workspace in the target's caches, as values: NodeClaims, NodePool and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from llmwright.values.node_object import NodeObject, node_object
from llmwright.values.nodes import NodeRequest
from llmwright.values.snapshot import Snapshot
from llmwright_provisioner_karpenter.node_names import (
    CLAIM,
    CLAIM_OWNER,
    CLAIMS,
    GROUP,
    POOL,
    POOL_OWNER,
    POOLS,
    names_in,
    pool_name,
)

Object = Mapping[str, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClaimCondition:
    """A condition of a NodeClaim or NodePool; ``status`` is True, False or Unknown, as text."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ClaimEvent:
    """A Warning Event about a NodeClaim or NodePool, by name and ``uid`` of that object, which may be gone."""

    name: str
    uid: str
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A NodeClaim. ``node`` is empty before its machine registered; ``deleting`` is the time of its deletion."""

    name: str
    uid: str = ""
    created: datetime | None = None
    deleting: datetime | None = None
    conditions: tuple[ClaimCondition, ...] = ()
    node: str = ""

    @property
    def ready(self) -> bool:
        """Whether the machine is there and initialized, as Karpenter reports."""
        return self.holds("Ready")

    @property
    def launched(self) -> bool:
        """Whether the cloud has made the machine."""
        return self.ready or self.holds("Launched")

    def holds(self, kind: str) -> bool:
        """Whether the condition of that type is True."""
        return any(condition.type == kind and condition.status == "True" for condition in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A NodePool; ``nodes`` is the count that Karpenter reports."""

    name: str
    uid: str = ""
    created: datetime | None = None
    deleting: datetime | None = None
    replicas: int | None = None
    nodes: int = 0
    conditions: tuple[ClaimCondition, ...] = ()
    template: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedObjects:
    """All objects with the owner labels of one Workspace. ``claims`` are our own, ``pooled`` those of the NodePool.

    ``events`` are about NodeClaims that were asked for, ``pool_events`` about the NodePool; oldest first.
    """

    claims: tuple[Claim, ...] = ()
    pooled: tuple[Claim, ...] = ()
    pool: Pool | None = None
    nodes: Mapping[str, NodeObject] = field(default_factory=dict)
    events: tuple[ClaimEvent, ...] = ()
    pool_events: tuple[ClaimEvent, ...] = ()
    served: bool = True
    pools_served: bool = True


def observe(request: NodeRequest, snapshot: Snapshot) -> OwnedObjects:
    """Read the Workspace's objects from the caches; sends no request."""
    owner = (request.namespace, request.workspace)
    claim_objects = snapshot.objects(GROUP, CLAIMS, *owner)
    pools = [_pool(item) for item in snapshot.objects(GROUP, POOLS, *owner)]
    claims, pooled = _claims(claim_objects, CLAIM_OWNER), _claims(claim_objects, POOL_OWNER)
    nodes = {claim.node: snapshot.node(claim.node) for claim in (*claims, *pooled) if claim.node}
    return OwnedObjects(
        claims=claims,
        pooled=pooled,
        pool=pools[0] if pools else None,
        nodes={name: node_object(node) for name, node in nodes.items() if node is not None},
        events=_events(snapshot, CLAIM, names_in(request.state)),
        pool_events=_events(snapshot, POOL, (pool_name(*owner),)),
        served=snapshot.served(GROUP, CLAIMS),
        pools_served=snapshot.served(GROUP, POOLS),
    )


def _events(snapshot: Snapshot, kind: str, names: Iterable[str]) -> tuple[ClaimEvent, ...]:
    events = (event for name in names for event in snapshot.events(kind, name))
    return tuple(sorted(map(_event, events), key=lambda event: event.at))


def _event(event: Object) -> ClaimEvent:
    moment = _time(event.get("at")) or NEVER
    about = event["involvedObject"]
    return ClaimEvent(
        about["name"], about.get("uid") or "", event.get("reason") or "", event.get("message") or "", moment
    )


def _claims(objects: Iterable[Object], pair: tuple[str, str]) -> tuple[Claim, ...]:
    return tuple(_claim(item) for item in objects if pair[1] in (item["metadata"].get("labels") or {}))


def _claim(item: Object) -> Claim:
    metadata, status = item["metadata"], item.get("status") or {}
    return Claim(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        created=_time(metadata.get("creationTimestamp")),
        deleting=_time(metadata.get("deletionTimestamp")),
        conditions=_conditions(status),
        node=status.get("nodeName", ""),
    )


def _pool(item: Object) -> Pool:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    return Pool(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        created=_time(metadata.get("creationTimestamp")),
        deleting=_time(metadata.get("deletionTimestamp")),
        replicas=spec.get("replicas"),
        nodes=status.get("nodes") or 0,
        conditions=_conditions(status),
        template=spec.get("template") or {},
    )


def _conditions(status: Object) -> tuple[ClaimCondition, ...]:
    return tuple(
        ClaimCondition(
            condition["type"], condition["status"], condition.get("reason") or "", condition.get("message") or ""
        )
        for condition in status.get("conditions") or ()
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
