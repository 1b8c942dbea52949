"""The local Resource Manager as the world of the contract, and the driver on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.arm.support.arm_errors import EXAMPLES
from tests.arm.support.clock import ManualClock
from tests.arm.support.cloud import SUBSCRIPTION, Cloud
from tests.arm.support.faults import Refuse
from tests.arm.support.transport import CloudCredential, CloudTransport

from llmwright.testing import make_context
from llmwright.testing.world import Machine, World
from llmwright.values.node_object import NodeObject
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_aks.cloud.azure import Azure
from llmwright_provisioner_aks.driver import AksProvisioner
from llmwright_provisioner_aks.options import AksSettings
from llmwright_provisioner_aks.pool_names import owner_of
from llmwright_provisioner_aks.seen_pools import OwnPools, SeenCluster

SETTINGS = {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "clusterName": "prod"}
WAYS = ("QuotaExceeded", "AllocationFailed", "InsufficientSubnetSize", "InternalServerError", "OperationNotAllowed")
WRITES_A_TICK = 20
WRITES = ("pools.put", "pools.delete")


class AksWorld(World):
    """One AKS cluster. Its machines are the instances of pools, its nodes those of them that joined."""

    def __init__(self, **cloud: Any) -> None:
        self.clock = ManualClock()
        self.cloud = Cloud(self.clock, **cloud)
        self.cluster = self.cloud.add_cluster()
        self.refusing = 0
        super().__init__(now=self.clock.now())

    def tick(self) -> None:
        """Half a minute passes."""
        self.clock.advance(30)
        self.now = self.clock.now()
        if self.refusing:
            self._refuse()

    def truth(self) -> Sequence[Machine]:
        """Every instance of every pool but the system's; those that have not joined by a name of their own."""
        joined = self.cloud.nodes()
        machines = [
            Machine(name=node.name, labels=node.labels, instance_type=node.vm_size)
            for node in joined
            if node.pool != "system"
        ]
        for pool in self.cluster.pools.values():
            late = len(pool.instances) - sum(node.pool == pool.name for node in joined)
            machines += [Machine(name=f"{pool.name}-late-{number}", running=False) for number in range(late)]
        return machines

    def joined(self, labels: Mapping[str, str]) -> tuple[NodeObject, ...]:
        """Nodes with all of these labels, as the operator finds them in its caches."""
        return tuple(
            NodeObject(name=node.name, labels=node.labels, ready=True, pressure=(), allocatable={"nvidia.com/gpu": "1"})
            for node in self.cloud.nodes()
            if labels.items() <= node.labels.items()
        )

    def lose(self, name: str) -> bool:
        """One machine is evicted: its scale set has one fewer, and the pool's count says nothing of it."""
        return self.cloud.kill(name)

    def break_new(self, broken: bool) -> bool:
        """Azure has none of the machines left."""
        sizes: set[tuple[str, str | None]] = {(size, None) for size in self.cloud.skus}
        self.cloud.exhausted = sizes if broken else set()
        return True

    def add_foreign(self) -> str:
        """A pool of somebody else's, by hand."""
        self.cluster.seed_pool("byhand", count=1, vmSize="Standard_NC24ads_A100_v4", nodeLabels={"somebody": "else"})
        return next(node.name for node in self.cloud.nodes() if node.pool == "byhand")

    def refuse(self, way: int) -> bool:
        """Refuse each write in one of ``WAYS``."""
        self.refusing = way
        self.cloud.faults = type(self.cloud.faults)()
        if way > len(WAYS):
            return False
        self._refuse()
        return True

    def _refuse(self) -> None:
        for kind in WRITES if self.refusing else ():
            # Several a tick: the operator, and the SDK itself, may ask again before the next.
            self.cloud.faults.next(kind, *[Refuse(EXAMPLES[WAYS[self.refusing - 1]])] * WRITES_A_TICK)

    def owned(self) -> dict[str, tuple[str, str]]:
        """The pools with our tags, as they really are, and their Workspaces."""
        owners = {name: owner_of(pool.properties.get("tags") or {}) for name, pool in self.cluster.pools.items()}
        return {name: owner for name, owner in owners.items() if owner is not None}


def make_driver(world: AksWorld, **settings: Any) -> AksProvisioner:
    """The driver on the world's cloud, through the SDK, with the world's clock.

    It is handed the nodes that joined with the labels of its placement, as the operator does.
    """
    context = make_context(clock=lambda: world.clock.now(), settings={**SETTINGS, **settings}, name="aks")
    driver = AksProvisioner(context)
    azure = Azure(
        AksSettings.model_validate(context.settings),
        context.clock,
        credential=CloudCredential(world.cloud),
        base_url=world.cloud.endpoint,
        transport=CloudTransport(world.cloud),
    )

    def observe(request: NodeRequest, snapshot: SeenCluster) -> OwnPools:
        joined = world.joined(driver.placement(request).selector)
        return AksProvisioner.observe(driver, replace(request, joined=joined), snapshot)

    vars(driver).update(_azure=azure, observe=observe)
    return driver
