"""Whole lifecycles on equal clouds, ours and gpu-provisioner's: made, held for a while, deleted; their calls counted.

``python -m plugins.provisioner_aks.tests.support.lifecycles`` prints the table of ``docs/aks.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from plugins.provisioner_aks.tests.support.aks_world import AksWorld
from plugins.provisioner_aks.tests.support.operated import Operated, Tenant
from tests.arm.support.clock import ManualClock
from tests.arm.support.cloud import Cloud
from tests.arm.support.gpu_provisioner import GpuProvisioner

from llmwright.values.nodes import Ready

MINUTE = 60
SLOW = {"create_s": 5 * MINUTE, "delete_s": 5 * MINUTE}
CASES: tuple[tuple[str, int, int, float, dict[str, Any]], ...] = (
    ("1 Workspace of 1 node, 10 minutes", 1, 1, 10 * MINUTE, {}),
    ("1 Workspace of 1 node, 10 minutes; operations take 5 minutes", 1, 1, 10 * MINUTE, SLOW),
    ("1 Workspace of 1 node, 8 hours", 1, 1, 8 * 60 * MINUTE, {}),
    ("1 Workspace of 4 nodes, 10 minutes", 1, 4, 10 * MINUTE, {}),
    ("4 Workspaces of 1 node, 10 minutes: as many pools as nodes", 4, 1, 10 * MINUTE, {}),
    ("20 Workspaces of 1 node, 10 minutes", 20, 1, 10 * MINUTE, {}),
    ("20 Workspaces of 4 nodes, 10 minutes", 20, 4, 10 * MINUTE, {}),
)
"""Words, Workspaces, nodes of each, seconds held, and the cloud's durations (180 s and 120 s by default)."""


def ours(workspaces: int, nodes: int, held_s: float, **cloud: Any) -> Counter[str]:
    """Return the calls of our lifecycles; passes every 15 seconds, as often as the core makes them at the most."""
    operated = Operated(AksWorld(**cloud))
    operated.tenants = {("default", f"w{number}"): Tenant(nodes) for number in range(workspaces)}
    while not all(isinstance(tenant.outcome, Ready) for tenant in operated.tenants.values()):
        operated.tick(15)
    for _ in range(int(held_s // 15)):
        operated.tick(15)
    for tenant in operated.tenants.values():
        tenant.count = 0
    while operated.tenants:
        operated.tick(15)
    return operated.world.cloud.counts()


def late_s(delete_s: float) -> float:
    """Return for how many seconds after its pool is gone a Workspace still waits; a pass every 5 seconds."""
    operated = Operated(AksWorld(delete_s=delete_s))
    clock, pools = operated.world.clock, operated.world.cluster.pools
    tenant = operated.tenants["default", "w"] = Tenant(2)
    while not isinstance(tenant.outcome, Ready):
        operated.tick(5)
    tenant.count = 0
    while {*pools} != {"system"}:
        operated.tick(5)
        operated.world.cloud.settle()
    gone = clock.now()
    while operated.tenants:
        operated.tick(5)
    return (clock.now() - gone).total_seconds()


def gpu_provisioner(workspaces: int, nodes: int, held_s: float, **cloud: Any) -> Counter[str]:
    """Return the calls of gpu-provisioner's lifecycles."""
    other = Cloud(ManualClock(), **cloud)
    return GpuProvisioner(other, other.add_cluster()).lifecycle(nodes, held_s=held_s, workspaces=workspaces)


def rows() -> Iterator[tuple[str, Counter[str], Counter[str]]]:
    """Yield the cases with both counts."""
    for words, workspaces, nodes, held_s, cloud in CASES:
        yield words, ours(workspaces, nodes, held_s, **cloud), gpu_provisioner(workspaces, nodes, held_s, **cloud)


def table() -> list[str]:
    """Return the rows of the table, as Markdown."""
    return [
        f"| {words} | {sum(counted.values())} | {sum(other.values())} | {_kinds(counted)} |"
        for words, counted, other in rows()
    ]


def _kinds(counted: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counted.items()))


if __name__ == "__main__":
    print("\n".join(table()))
