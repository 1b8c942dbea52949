"""An operator in one loop: the driver on the local Resource Manager, a status that survives it, and harm by a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from plugins.provisioner_aks.tests.support.aks_world import AksWorld, make_driver
from tests.arm.support.arm_errors import EXAMPLES
from tests.arm.support.faults import Crash, FailLater, LoseResponse, Refuse, Reset, Throttle
from tests.arm.support.wire import Crashed

from llmwright.errors import TargetError
from llmwright.testing import make_instance_type
from llmwright.values.backoff import Backoff
from llmwright.values.nodes import LivingWorkspace, NodeRequest, Outcome, Ready
from llmwright_provisioner_aks.driver import AksProvisioner

SIZE = "Standard_NC24ads_A100_v4"
MACHINE = make_instance_type(name=SIZE, cloud="azure", gpus=1, compute_capability=(8, 0))
PAUSES = Backoff(first_s=5.0, most_s=120.0)
OLD_S = 30.0
SWEEP_S = 300.0
TICK_S = 20.0

Key = tuple[str, str]


@dataclass
class Tenant:
    """A Workspace: how many nodes it wants, and its status, which survives the operator."""

    count: int
    state: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None


@dataclass
class Memory:
    """What the operator knows of a Workspace, and loses with its process."""

    learned: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    rests_until: datetime | None = None


class Operated:
    """Tenants on a world. ``kill`` ends the process: the next pass begins with a new one."""

    def __init__(self, world: AksWorld) -> None:
        self.world = world
        self.tenants: dict[Key, Tenant] = {}
        self.kills = 0
        self.kill()

    def kill(self) -> None:
        """Lose all that is not in a status."""
        self.driver: AksProvisioner = make_driver(self.world)
        self.memory: dict[Key, Memory] = {}
        self.snapshot: Any = None
        self.began: datetime | None = None
        self.acted: datetime | None = None
        self.due: datetime | None = None
        self.failures = 0
        self.suspects: frozenset[str] = frozenset()
        self.swept = self.world.clock.now()
        self.kills += 1

    def tick(self, seconds: float = TICK_S) -> None:
        """Make a pass over every Workspace, then let time pass."""
        try:
            for key in [*self.tenants]:
                self._pass(key)
            self._sweep()
        except Crashed:
            self.kill()
        self.world.clock.advance(seconds)

    def _refresh(self) -> bool:
        """Ask the cloud where that is due, as the core does. Return whether what was done last is in the snapshot."""
        now = self.world.clock.now()
        stale = self.began is None or now - self.began >= timedelta(seconds=OLD_S) or not self._shows()
        if stale and (self.due is None or now >= self.due):
            try:
                self.snapshot, self.began, self.failures = self.driver.refresh(""), now, 0
                self.acted = None
            except TargetError as error:
                self.failures += 1
                pause_s = max(PAUSES.pause_s(self.failures), error.retry_after_s or 0.0)
                self.due = now + timedelta(seconds=pause_s)
        return self.began is not None and self._shows()

    def _shows(self) -> bool:
        return self.acted is None

    def _pass(self, key: Key) -> None:
        if not self._refresh():
            return
        tenant, memory, now = self.tenants[key], self.memory.setdefault(key, Memory()), self.world.clock.now()
        request = NodeRequest(
            namespace=key[0],
            workspace=key[1],
            count=tenant.count,
            selector={"apps": key[1]},
            instance_type=MACHINE,
            instance_type_name=SIZE,
            state={**tenant.state, **memory.learned},
        )
        decision = self.driver.decide(request, self.driver.observe(request, self.snapshot), now)
        # The status is written before anything is done: whoever comes next knows what was asked for.
        tenant.state, tenant.outcome, memory.learned = dict(decision.state), decision.outcome, {}
        if tenant.count == 0 and decision.outcome == Ready(()):
            del self.tenants[key]
            return
        if memory.rests_until is not None and now < memory.rests_until:
            return
        for action in decision.actions:
            try:
                self.acted = now
                memory.learned |= dict(self.driver.act(action) or {})
                memory.failures, memory.rests_until = 0, None
            except TargetError as error:
                memory.failures += 1
                rest_s = max(PAUSES.pause_s(memory.failures), error.retry_after_s or 0.0)
                memory.rests_until = now + timedelta(seconds=rest_s)
                return

    def _sweep(self) -> None:
        now = self.world.clock.now()
        if now - self.swept < timedelta(seconds=SWEEP_S) or self.snapshot is None:
            return
        self.swept = now
        try:
            self._give_back()
        except TargetError:
            return  # the next sweep

    def _give_back(self) -> None:
        living = [LivingWorkspace(namespace=key[0], workspace=key[1], provisioner="aks") for key in self.tenants]
        orphans = {orphan.name: orphan for orphan in self.driver.orphans(living, self.driver.refresh(""))}
        for name in sorted(self.suspects & orphans.keys()):
            for action in orphans[name].actions:
                self.driver.act(action)
        self.suspects = frozenset(orphans)


HARM = ("crash", "crash-now", "lose", "reset", "throttle", "fail", "refuse", "remove", "scale", "evict", "hold")
KINDS = ("pools.put", "pools.delete", "pools.list", "machines.delete", "usages.list", "operations.get")


class Schedule:
    """Harm and wishes in an order that the seed gives."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        chance = self.random
        self.world = AksWorld(
            create_s=chance.choice((60, 180, 400)),
            delete_s=chance.choice((30, 120)),
            list_lag_s=chance.choice((0, 0, 20, 45)),
            join_s=chance.choice((0, 30)),
            busy=chance.choice(("pool", "pool", "cluster")),
            quota_checked=chance.choice(("put", "later")),
            delete_preempts=chance.choice((False, True)),
            lro_styles=("azure-async", "location", "both"),
        )
        self.operated = Operated(self.world)
        self.foreign = self.world.add_foreign()
        for number in range(chance.randint(1, 4)):
            self.operated.tenants["default", f"w{number}"] = Tenant(chance.choice((1, 1, 2, 3)))

    def run(self, steps: int = 40) -> None:
        """Let wishes and harm come for a while."""
        for _ in range(steps):
            if self.random.random() < 0.3:
                self._harm(self.random.choice(HARM))
            if self.random.random() < 0.08:
                self._wish()
            self.operated.tick()

    def settle(self, most: int = 700) -> None:
        """No more harm: let the operator come to the end of it."""
        self.world.cloud.faults = type(self.world.cloud.faults)()
        self.world.cloud.never_join.clear()
        for _ in range(most):
            if not self.wrong():
                return
            self.operated.tick()

    def wrong(self) -> list[str]:
        """Return what is not as it is wanted."""
        tenants, owned = self.operated.tenants, self.world.owned()
        wrong = [f"{key} still goes" for key, tenant in tenants.items() if not tenant.count]
        for key, tenant in tenants.items():
            pools = [name for name, owner in owned.items() if owner == key]
            states = [(self.world.cluster.pools[name].count, self.world.cluster.pools[name].state) for name in pools]
            if tenant.count and (
                [count for count, _ in states] != [tenant.count] or not isinstance(tenant.outcome, Ready)
            ):
                wrong.append(f"{key} wants {tenant.count}, has {states}: {tenant.outcome}")
        wrong += [f"{name} is of nobody" for name, owner in owned.items() if owner not in tenants]
        others = {*self.world.cluster.pools} - {*owned}
        return wrong + [f"of others: {sorted(others)}" for _ in (1,) if others != {"system", "byhand"}]

    def _wish(self) -> None:
        tenants = self.operated.tenants
        if tenants and self.random.random() < 0.7:
            tenant = tenants[self.random.choice(sorted(tenants))]
            if tenant.count:
                tenant.count = self.random.choice((0, 0, 1, 2, 3))
        else:
            self.operated.tenants.setdefault(("default", f"w{self.random.randint(0, 5)}"), Tenant(1))

    def _harm(self, kind: str) -> None:
        faults, chance = self.world.cloud.faults, self.random
        if kind == "crash":
            faults.at(len(self.world.cloud.calls) + chance.randint(1, 4), Crash(chance.choice(("before", "after"))))
        elif kind == "crash-now":
            self.operated.kill()
        elif kind in ("lose", "reset"):
            faults.next(chance.choice(KINDS), LoseResponse() if kind == "lose" else Reset())
        elif kind == "throttle":
            faults.next(chance.choice(KINDS), Throttle(retry_after_s=chance.choice((5, 60))))
        elif kind == "fail":
            faults.next("pools.put", FailLater(EXAMPLES[chance.choice(("AllocationFailed", "QuotaExceeded"))]))
        elif kind == "refuse":
            faults.next(chance.choice(KINDS), Refuse(EXAMPLES[chance.choice(sorted(EXAMPLES))]))
        else:
            self._foreign_hand(kind)

    def _foreign_hand(self, kind: str) -> None:
        chance, cluster = self.random, self.world.cluster
        names = sorted(name for name in self.world.owned() if not cluster.pools[name].state.endswith("ing"))
        if kind == "hold" and names:
            self.world.cloud.never_join.symmetric_difference_update({chance.choice(names)})
        elif kind == "remove" and names:
            cluster.remove(chance.choice(names))
        elif kind == "scale" and names:
            cluster.scale(chance.choice(names), chance.randint(1, 4))
        elif kind == "evict":
            nodes = sorted(node.name for node in self.world.cloud.nodes() if node.pool in names)
            if nodes:
                self.world.cloud.kill(chance.choice(nodes))
