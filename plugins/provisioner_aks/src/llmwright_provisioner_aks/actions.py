"""The acts of this provisioner, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest, ProvisionerAction
from llmwright_provisioner_aks.options import AksOptions
from llmwright_provisioner_aks.pool_body import pool_body
from llmwright_provisioner_aks.seen_pools import SeenPool

CREATE, RESIZE, SHRINK = "create-pool", "resize-pool", "shrink-pool"
REPAIR, DELETE, ASK, LOOK = "repair-pool", "delete-pool", "ask-operation", "look-again"


def create(name: str, pool: Mapping[str, Any], machine: InstanceType | None) -> ProvisionerAction:
    """Create the agent pool, unless there is one of that name. Of a retired machine the successor is told."""
    return ProvisionerAction(verb=CREATE, name=name, body=_with_successor(pool, machine))


def resize(pool: SeenPool, count: int, bounds: tuple[int, int] | None) -> ProvisionerAction:
    """Give the pool that many nodes, and the autoscaler those bounds; the rest of it stays as it is."""
    return ProvisionerAction(verb=RESIZE, name=pool.name, body={"count": count, "bounds": list(bounds or ())})


def shrink(pool: SeenPool, count: int, kept: Iterable[str]) -> ProvisionerAction:
    """Delete machines of the pool until ``count`` are left, and none of the nodes in ``kept``."""
    return ProvisionerAction(verb=SHRINK, name=pool.name, body={"count": count, "kept": sorted(kept)})


def repair(pool: SeenPool, count: int, kept: Iterable[str]) -> ProvisionerAction:
    """Delete the machines of the pool that are none of the nodes in ``kept``. Its size is given back afterwards."""
    return ProvisionerAction(verb=REPAIR, name=pool.name, body={"count": count, "kept": sorted(kept)})


def delete(pool: SeenPool) -> ProvisionerAction:
    """Delete the pool with all its machines."""
    return ProvisionerAction(verb=DELETE, name=pool.name)


def wish_of(request: NodeRequest, options: AksOptions) -> dict[str, Any]:
    """Return what a creation would be asked for, as its body."""
    return _with_successor(pool_body(request, options), request.instance_type)


def _with_successor(pool: Mapping[str, Any], machine: InstanceType | None) -> dict[str, Any]:
    retired = {"successor": machine.successor or ""} if machine is not None and machine.retired else {}
    return {"pool": pool, **retired}


def ask(name: str, operation: str) -> ProvisionerAction:
    """Ask how the operation on the pool ended, where the pool itself does not tell."""
    return ProvisionerAction(verb=ASK, name=name, body={"operation": operation})


def look(names: Iterable[str]) -> ProvisionerAction:
    """Have the list of pools asked for at once: the last nodes of these pools, which are being deleted, are gone."""
    return ProvisionerAction(verb=LOOK, name=",".join(sorted(names)))
