"""The agent pools of a cluster as Azure last showed them, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llmwright.values.node_object import NodeObject
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_aks.pool_names import SHAPE_TAG, owner_of, pool_of_node

DELETING = "Deleting"
ENDED = frozenset({"Succeeded", "Failed", "Canceled"})
"""States of an agent pool in which no operation runs."""


@dataclass(frozen=True, slots=True)
class AzureError:
    """An error as Azure words it: its code and its message."""

    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPool:
    """One agent pool. ``owner`` is the Workspace that it was made for, None for a pool of others."""

    name: str
    owner: tuple[str, str] | None = None
    shape: str = ""
    state: str = "Succeeded"
    count: int = 0
    bounds: tuple[int, int] | None = None
    power: str = "Running"
    vm_size: str = ""
    etag: str = ""
    error: AzureError | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation on it runs: AKS takes no other one meanwhile."""
        return self.state not in ENDED

    @property
    def failed(self) -> bool:
        """Whether the last operation on it failed."""
        return self.state in ("Failed", "Canceled")

    @property
    def deleting(self) -> bool:
        """Whether it goes."""
        return self.state == DELETING


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """All agent pools of the cluster, whoever made them, in the order of their names.

    ``refused`` are names of pools that Azure refused to make when they were asked for last: none of them is coming.
    ``listed`` is when Azure's list was asked for.
    """

    pools: tuple[SeenPool, ...] = ()
    refused: frozenset[str] = frozenset()
    listed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPools:
    """The agent pools of one Workspace, the nodes that joined from them, and the names of all pools of the cluster.

    ``refused`` are names that Azure refused when they were asked for last, ``emptied`` pools that are being deleted and
    whose last node went since Azure was asked, which was at ``listed``.
    """

    pools: tuple[SeenPool, ...] = ()
    taken: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()
    listed: datetime | None = None
    joined: Mapping[str, tuple[NodeObject, ...]] = field(default_factory=dict)

    def nodes_of(self, pool: SeenPool) -> tuple[NodeObject, ...]:
        """Return the nodes that joined from ``pool``."""
        return self.joined.get(pool.name, ())


def read_pool(item: Mapping[str, Any]) -> SeenPool:
    """Read an agent pool from the JSON of AKS's REST API. Fields that are missing or null become empty."""
    properties = item.get("properties") or {}
    tags = properties.get("tags") or {}
    error = (properties.get("status") or {}).get("provisioningError") or {}
    bounds = (properties.get("minCount") or 0, properties.get("maxCount") or 0)
    return SeenPool(
        name=item.get("name") or "",
        owner=owner_of(tags),
        shape=tags.get(SHAPE_TAG, ""),
        state=properties.get("provisioningState") or "Succeeded",
        count=properties.get("count") or 0,
        bounds=bounds if properties.get("enableAutoScaling") else None,
        power=(properties.get("powerState") or {}).get("code") or "Running",
        vm_size=properties.get("vmSize") or "",
        etag=properties.get("eTag") or "",
        error=AzureError(error.get("code") or "", error.get("message") or "") if error else None,
    )


def own_pools(request: NodeRequest, cluster: SeenCluster) -> OwnPools:
    """Return what belongs to the Workspace of ``request``, by the tags of the pools and the labels of the nodes."""
    pools = tuple(pool for pool in cluster.pools if pool.owner == (request.namespace, request.workspace))
    nodes = sorted(request.joined, key=lambda node: node.name)
    joined = {pool.name: tuple(node for node in nodes if pool_of_node(node.labels) == pool.name) for pool in pools}
    taken = frozenset(pool.name for pool in cluster.pools)
    return OwnPools(pools=pools, taken=taken, refused=cluster.refused, joined=joined, listed=cluster.listed)
