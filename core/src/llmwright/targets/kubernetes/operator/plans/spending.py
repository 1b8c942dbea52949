"""What Workspaces cost by the record in their status; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from llmwright.targets.kubernetes.cluster.object_cache import Key, key_of


class Prices(Protocol):
    """Knows what machines cost."""

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        """For all nodes; None where the price is unknown."""


def recorded_costs(workspaces: Iterable[Mapping[str, Any]], namespace: str, prices: Prices) -> dict[Key, float | None]:
    """USD per hour of each Workspace of ``namespace`` whose plan is recorded and whose nodes were not given back."""
    found: dict[Key, float | None] = {}
    for one in workspaces:
        status = one.get("status") or {}
        record = status.get("plan")
        if one["metadata"]["namespace"] == namespace and record and not _is_released(status):
            found[key_of(dict(one))] = prices.usd_per_hour(record.get("instanceType") or "", record.get("nodes") or 1)
    return found


def _is_released(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or []
    return any(one["type"] == "ResourceReady" and one["reason"] == "Released" for one in conditions)
