"""What the target's caches hold for one Workspace: its NodeClaims, its NodePool and its nodes, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llmwright.values.node_object import NodeObject, node_object
from llmwright.values.nodes import NodeRequest
from llmwright.values.snapshot import Snapshot
from llmwright_provisioner_karpenter.object_names import CLAIM_OWNER, CLAIMS, GROUP, POOL_OWNER, POOLS

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One of an object's conditions; ``status`` is True, False or Unknown, as text."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A NodeClaim. ``node`` is empty before its machine registered; ``deleting`` is when that was asked for."""

    name: str
    uid: str = ""
    created: datetime | None = None
    deleting: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    node: str = ""

    @property
    def ready(self) -> bool:
        """Whether Karpenter says that the machine is there and initialized."""
        return any(each.type == "Ready" and each.status == "True" for each in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A NodePool; ``nodes`` is how many Karpenter says it has."""

    name: str
    uid: str = ""
    created: datetime | None = None
    deleting: datetime | None = None
    replicas: int | None = None
    nodes: int = 0
    conditions: tuple[Condition, ...] = ()
    template: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedObjects:
    """All that carries the owner labels of one Workspace. ``claims`` are our own, ``pooled`` those of the NodePool."""

    claims: tuple[Claim, ...] = ()
    pooled: tuple[Claim, ...] = ()
    pool: Pool | None = None
    nodes: Mapping[str, NodeObject] = field(default_factory=dict)
    served: bool = True
    pools_served: bool = True


def observe(request: NodeRequest, snapshot: Snapshot) -> OwnedObjects:
    """Reads the caches; asks nobody."""
    owner = (request.namespace, request.workspace)
    found = snapshot.objects(GROUP, CLAIMS, *owner)
    pools = [_pool(each) for each in snapshot.objects(GROUP, POOLS, *owner)]
    claims, pooled = _claims(found, CLAIM_OWNER), _claims(found, POOL_OWNER)
    nodes = {claim.node: snapshot.node(claim.node) for claim in (*claims, *pooled) if claim.node}
    return OwnedObjects(
        claims=claims,
        pooled=pooled,
        pool=pools[0] if pools else None,
        nodes={name: node_object(node) for name, node in nodes.items() if node is not None},
        served=snapshot.served(GROUP, CLAIMS),
        pools_served=snapshot.served(GROUP, POOLS),
    )


def _claims(found: Iterable[Object], pair: tuple[str, str]) -> tuple[Claim, ...]:
    return tuple(_claim(each) for each in found if pair[1] in (each["metadata"].get("labels") or {}))


def _claim(found: Object) -> Claim:
    metadata, status = found["metadata"], found.get("status") or {}
    return Claim(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        created=_time(metadata.get("creationTimestamp")),
        deleting=_time(metadata.get("deletionTimestamp")),
        conditions=_conditions(status),
        node=status.get("nodeName", ""),
    )


def _pool(found: Object) -> Pool:
    metadata, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
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


def _conditions(status: Object) -> tuple[Condition, ...]:
    return tuple(
        Condition(each["type"], each["status"], each.get("reason") or "", each.get("message") or "")
        for each in status.get("conditions") or ()
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
