"""The nodes of agent pools, as AKS names and labels them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.arm.support.pools import Cluster, Pool

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class PoolNode:
    """A machine that joined. ``taints`` are as agent pools write them: key=value:effect."""

    name: str
    pool: str
    vm_size: str
    provider_id: str
    labels: dict[str, str]
    taints: tuple[str, ...]
    gpu_instance_profile: str = ""


def nodes_of(cluster: Cluster, now: datetime, never_join: set[str]) -> Iterator[PoolNode]:
    """Yield the nodes that the cluster has by ``now``; none of pools in ``never_join``."""
    if cluster.power != "Running":
        return
    for pool in cluster.pools.values():
        if pool.name in never_join:
            continue
        for number in pool.instances:
            if pool.joined_at[number] <= now:
                yield _node(cluster, pool, number)


def machine_name(cluster: Cluster, pool: Pool, number: int) -> str:
    """Return the name of a machine, which its node gets too."""
    return f"{_scale_set(cluster, pool)}{_base36(number)}"


def _scale_set(cluster: Cluster, pool: Pool) -> str:
    return f"aks-{pool.name}-{zlib.crc32((cluster.id + pool.name).encode()) % 100_000_000:08d}-vmss"


def _node(cluster: Cluster, pool: Pool, number: int) -> PoolNode:
    scale_set = _scale_set(cluster, pool)
    home = f"/subscriptions/{cluster.subscription}/resourceGroups/{cluster.node_group.lower()}"
    zones = pool.properties.get("availabilityZones") or []
    zone = f"{cluster.location}-{zones[number % len(zones)]}" if zones else "0"
    labels = {
        **(pool.properties.get("nodeLabels") or {}),
        "agentpool": pool.name,
        "kubernetes.azure.com/agentpool": pool.name,
        "kubernetes.azure.com/cluster": cluster.node_group,
        "kubernetes.azure.com/mode": str(pool.properties["mode"]).lower(),
        "kubernetes.azure.com/os-sku": pool.properties["osSKU"],
        "kubernetes.azure.com/role": "agent",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": pool.properties["vmSize"],
        "topology.kubernetes.io/region": cluster.location,
        "topology.kubernetes.io/zone": zone,
    }
    if pool.spot:
        labels["kubernetes.azure.com/scalesetpriority"] = "spot"
    if "_N" in pool.properties["vmSize"]:
        labels |= {"accelerator": "nvidia", "kubernetes.azure.com/accelerator": "nvidia"}
    return PoolNode(
        name=machine_name(cluster, pool, number),
        pool=pool.name,
        vm_size=pool.properties["vmSize"],
        provider_id=f"azure://{home}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/{number}",
        labels={"kubernetes.io/hostname": f"{scale_set}{_base36(number)}", **labels},
        taints=tuple(pool.properties.get("nodeTaints") or ()),
        gpu_instance_profile=pool.properties.get("gpuInstanceProfile") or "",
    )


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits.rjust(6, "0")
