"""Clusters, agent pools and operations: what exists, and how it is written on the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.arm.support.wire import ArmError, Json, iso

VERSION = "1.34.4"
POOL_TYPE = "Microsoft.ContainerService/managedClusters/agentPools"
CLUSTER_TYPE = "Microsoft.ContainerService/ManagedClusters"
DEFAULTS: Json = {
    "count": 1,
    "osDiskSizeGB": 128,
    "osDiskType": "Managed",
    "kubeletDiskType": "OS",
    "maxPods": 110,
    "type": "VirtualMachineScaleSets",
    "mode": "User",
    "osType": "Linux",
    "osSKU": "Ubuntu",
    "enableAutoScaling": False,
    "scaleDownMode": "Delete",
    "enableNodePublicIP": False,
    "enableFIPS": False,
    "enableEncryptionAtHost": False,
    "enableUltraSSD": False,
}
"""Values that AKS fills in."""
SPOT = {"scaleSetEvictionPolicy": "Delete", "spotMaxPrice": -1}
SPOT_KEY = "kubernetes.azure.com/scalesetpriority"


@dataclass
class Operation:
    """A long-running operation. ``settled`` is ``InProgress``, ``Succeeded``, ``Failed`` or ``Canceled``."""

    id: str
    verb: str
    pool: str
    location: str
    starts: datetime
    ends: datetime
    finish: Callable[[], None]
    style: str = "both"
    settled: str = "InProgress"
    error: Json | None = None
    doom: ArmError | None = None
    """The failure that it meets at its end."""
    running: bool = True

    def wire(self) -> Json:
        """Return the status as Azure-AsyncOperation has it."""
        body: Json = {"name": self.id, "status": self.settled, "startTime": iso(self.starts)}
        if not self.running:
            body["endTime"] = iso(self.ends)
        if self.error:
            body["error"] = self.error
        return body


@dataclass
class Pool:
    """An agent pool. ``properties`` are as on the wire, without the read-only ones."""

    name: str
    properties: Json
    created: datetime
    state: str = "Creating"
    instances: list[int] = field(default_factory=list)
    """Numbers of the machines that exist."""
    joined_at: dict[int, datetime] = field(default_factory=dict)
    """Since when each machine is a node."""
    changes: int = 0
    failure: Json | None = None
    operation: Operation | None = None
    gone_at: datetime | None = None

    @property
    def count(self) -> int:
        """Return the number of machines that are wanted."""
        return int(self.properties["count"])

    @property
    def spot(self) -> bool:
        """Return whether its machines may be taken back."""
        return bool(self.properties.get("scaleSetPriority") == "Spot")

    @property
    def etag(self) -> str:
        """Return the version that If-Match names."""
        return hashlib.sha256(f"{self.name}{self.created}{self.changes}{self.state}".encode()).hexdigest()[:8]

    def set_instances(self, count: int, joins: datetime) -> None:
        """Have exactly ``count`` machines; new ones are nodes from ``joins`` on."""
        while len(self.instances) > count:
            self.joined_at.pop(self.instances.pop())
        while len(self.instances) < count:
            number = max(self.instances, default=-1) + 1
            self.instances.append(number)
            self.joined_at[number] = joins

    def wire(self, cluster_id: str) -> Json:
        """Return the resource as GET answers it."""
        status = {"status": {"provisioningError": self.failure}} if self.failure else {}
        return {
            "id": f"{cluster_id}/agentPools/{self.name}",
            "name": self.name,
            "type": POOL_TYPE,
            "properties": {
                **self.properties,
                "provisioningState": self.state,
                "powerState": {"code": "Running"},
                "currentOrchestratorVersion": VERSION,
                "nodeImageVersion": "AKSUbuntu-2204gen2containerd-202610.01.0",
                "eTag": self.etag,
                **status,
            },
        }


def completed(sent: Json) -> Json:
    """Return ``sent`` with the values that AKS fills in."""
    wanted = {name: value for name, value in sent.items() if value is not None and name not in READ_ONLY}
    spot = SPOT if wanted.get("scaleSetPriority") == "Spot" else {}
    properties = {**DEFAULTS, "orchestratorVersion": VERSION, **spot, **wanted}
    properties["osDiskSizeGB"] = properties["osDiskSizeGB"] or DEFAULTS["osDiskSizeGB"]
    properties["orchestratorVersion"] = properties["orchestratorVersion"] or VERSION
    if spot:
        properties["nodeLabels"] = {**(properties.get("nodeLabels") or {}), SPOT_KEY: "spot"}
        properties["nodeTaints"] = sorted({*(properties.get("nodeTaints") or ()), f"{SPOT_KEY}=spot:NoSchedule"})
    return properties


READ_ONLY = ("provisioningState", "eTag", "currentOrchestratorVersion", "status", "nodeImageVersion", "powerState")


@dataclass
class Cluster:
    """A managed cluster. ``power`` is ``Running`` or ``Stopped``; ``provisioning`` may be ``Upgrading`` and such."""

    name: str
    group: str
    location: str
    subscription: str
    now: Callable[[], datetime]
    lock: AbstractContextManager[object] = field(repr=False)
    power: str = "Running"
    provisioning: str = "Succeeded"
    pools: dict[str, Pool] = field(default_factory=dict)
    deleted: list[Pool] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Return the resource's id."""
        home = f"/subscriptions/{self.subscription}/resourcegroups/{self.group}"
        return f"{home}/providers/Microsoft.ContainerService/managedClusters/{self.name}"

    @property
    def node_group(self) -> str:
        """Return the resource group of the machines."""
        return f"MC_{self.group}_{self.name}_{self.location}"

    def seed_pool(self, name: str, **properties: Any) -> Pool:
        """Make a pool that is there already, with its nodes."""
        pool = Pool(name, completed({"vmSize": "Standard_D4s_v5", **properties}), self.now(), state="Succeeded")
        pool.set_instances(pool.count, self.now())
        self.pools[name] = pool
        return pool

    def scale(self, name: str, count: int) -> None:
        """Give the pool another number of machines, at once: somebody else's hand."""
        with self.lock:
            pool = self.pools[name]
            pool.properties["count"] = count
            pool.changes += 1
            pool.set_instances(count, self.now())

    def remove(self, name: str) -> None:
        """Delete the pool at once: somebody else's hand."""
        with self.lock:
            self._remove(self.pools.pop(name))

    def _remove(self, pool: Pool) -> None:
        pool.gone_at = self.now()
        pool.instances.clear()
        if pool.operation and pool.operation.running:
            pool.operation.running, pool.operation.settled = False, "Canceled"
        self.deleted.append(pool)

    def shown(self, lag_s: float) -> list[Pool]:
        """Return the pools that a list shows now, by name: it may lag behind in both directions."""
        seen = self.now() - timedelta(seconds=lag_s)
        there = {pool.name: pool for pool in self.pools.values() if pool.created <= seen}
        gone = {pool.name: pool for pool in self.deleted if pool.gone_at and pool.gone_at > seen >= pool.created}
        return [pool for _, pool in sorted({**gone, **there}.items())]

    def wire(self, lag_s: float = 0) -> Json:
        """Return the resource as GET answers it; its pools are those of a list."""
        profiles = [{"name": pool.name, **pool.wire(self.id)["properties"]} for pool in self.shown(lag_s)]
        return {
            "id": self.id,
            "name": self.name,
            "type": CLUSTER_TYPE,
            "location": self.location,
            "sku": {"name": "Base", "tier": "Standard"},
            "identity": {"type": "SystemAssigned"},
            "eTag": "3c1d8a02",
            "properties": {
                "provisioningState": self.provisioning,
                "powerState": {"code": self.power},
                "kubernetesVersion": VERSION,
                "currentKubernetesVersion": VERSION,
                "dnsPrefix": self.name,
                "fqdn": f"{self.name}-abcd1234.hcp.{self.location}.azmk8s.io",
                "maxAgentPools": 100,
                "agentPoolProfiles": profiles,
                "nodeResourceGroup": self.node_group,
                "enableRBAC": True,
                "networkProfile": {"networkPlugin": "azure", "networkPluginMode": "overlay"},
            },
        }
