"""One Azure subscription as its Resource Manager shows it: a pure state machine over a clock.

``Cloud.handle`` takes a request and returns an answer; ``transport`` puts the real SDK on it without sockets, ``server`` listens for it.

It does not: create or delete clusters; answer POST and PATCH (abort, upgrade, start, stop, tags); speak other resource providers; know
machines, images, upgrades, snapshots or virtual networks; check bodies against the whole schema, or what a token says; follow what a scale set
does by itself (evictions, autoscaling); or take time of its own: operations end when the clock says so, and only when somebody looks. Durations
and limits are settings, not measurements of Azure. Where reports differ on what AKS does (a DELETE while a pool is being made, a DELETE of
nothing, quota seen before or after acceptance) it is a setting, so that a driver can be held to both.
"""  # noqa: E501

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.arm.support import arm_errors, machines, pool_machines, routes
from tests.arm.support.clock import Clock, ManualClock
from tests.arm.support.faults import (
    Crash,
    FailLater,
    Fault,
    Faults,
    Interrupt,
    LoseResponse,
    Refuse,
    Reset,
    Slow,
    Throttle,
    Unreachable,
)
from tests.arm.support.nodes import PoolNode, nodes_of
from tests.arm.support.pools import Cluster, Operation
from tests.arm.support.throttle import ProviderRate, Rate
from tests.arm.support.tokens import CLIENT, TENANT, Tokens
from tests.arm.support.wire import Answer, ArmError, ConnectionBrokenError, Crashed, Request

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
LRO_STYLES = ("azure-async", "location", "both")

__all__ = ["CLIENT", "LRO_STYLES", "SUBSCRIPTION", "TENANT", "Call", "Cloud", "Cluster", "ProviderRate", "Rate"]


@dataclass(frozen=True)
class Call:
    """A request that arrived. ``status`` is 0 where no answer got out."""

    number: int
    kind: str
    method: str
    path: str
    status: int
    at: datetime


@dataclass
class Cloud:
    """The subscription. Its public fields may be changed at any time."""

    clock: Clock = field(default_factory=ManualClock)
    endpoint: str = "https://management.azure.com"
    lro_style: str = "both"
    lro_styles: tuple[str, ...] = ()
    """Styles that operations take in turn, in place of ``lro_style``."""
    create_s: float = 180
    update_s: float = 60
    delete_s: float = 120
    join_s: float = 0
    retry_after_s: float = 15
    list_lag_s: float = 0
    get_lag_s: float = 0
    page_size: int = 100
    pool_limit: int = 100
    busy: str = "pool"
    delete_preempts: bool = False
    delete_missing: int = 204
    operation_kept_s: float = 86_400
    quota_checked: str = "put"
    subnet_checked: str = "put"
    quotas: dict[str, machines.Quota] = field(default_factory=machines.quotas)
    skus: dict[str, machines.Sku] = field(default_factory=machines.skus)
    filler_skus: int = 0
    exhausted: set[tuple[str, str | None]] = field(default_factory=set)
    subnets: dict[str, int] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    rate: Rate | None = None
    provider_rate: ProviderRate | None = None
    never_join: set[str] = field(default_factory=set)
    tokens: Tokens = field(default_factory=Tokens)
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)
    clusters: dict[tuple[str, str], Cluster] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    subscription: str = SUBSCRIPTION
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _arrived: int = 0

    def now(self) -> datetime:
        """Return the time of the cloud."""
        return self.clock.now()

    def add_cluster(self, name: str = "prod", group: str = "rg", location: str = "eastus") -> Cluster:
        """Make a cluster with its system pool of one node."""
        cluster = Cluster(name, group, location, self.subscription, self.now, self.lock)
        cluster.seed_pool("system", mode="System")
        self.clusters[group.lower(), name.lower()] = cluster
        return cluster

    def handle(self, request: Request) -> Answer:
        """Return the answer to a request.

        Raises ConnectionBrokenError where no answer gets out, and Crashed where the process under test is to die.
        """
        with self.lock:
            self._arrived += 1
            number, kind = self._arrived, routes.kind_of(request)
            fault = self.faults.pick(number, kind)
        if isinstance(fault, Slow):
            # Outside the lock: one slow answer holds up nobody else.
            self.clock.sleep(fault.seconds)
        with self.lock:
            self.settle()
            call = Call(number, kind, request.method, request.path, 0, self.now())
            try:
                answer = self._carry_out(request, fault)
                call = replace(call, status=answer.status)
                return answer
            finally:
                self.calls.append(call)

    def counts(self, since: int = 0) -> Counter[str]:
        """Return the number of calls of each kind after call ``since``."""
        return Counter(call.kind for call in self.calls[since:])

    def nodes(self) -> list[PoolNode]:
        """Return the nodes of all clusters that have joined by now."""
        with self.lock:
            self.settle()
            return [*self._nodes()]

    def kill(self, node: str) -> bool:
        """Let one machine vanish, as an eviction does; return whether it was there."""
        with self.lock:
            self.settle()
            return any(pool_machines.kill(cluster, node) for cluster in self.clusters.values())

    def settle(self) -> None:
        """End the operations whose time has come, in the order of their ends."""
        now = self.now()
        due = [operation for operation in self.operations.values() if operation.running and operation.ends <= now]
        for operation in sorted(due, key=lambda operation: operation.ends):
            if operation.running:
                operation.running = False
                operation.finish()

    def next_change(self) -> datetime | None:
        """Return when the next thing happens by itself; None where nothing will."""
        with self.lock:
            self.settle()
            return min((moment for moment in self._moments() if moment > self.now()), default=None)

    def _moments(self) -> list[datetime]:
        ends = [operation.ends for operation in self.operations.values() if operation.running]
        pools = [pool for cluster in self.clusters.values() for pool in cluster.pools.values()]
        joins = [moment for pool in pools for moment in pool.joined_at.values()]
        lags = [pool.created + timedelta(seconds=max(self.list_lag_s, self.get_lag_s)) for pool in pools]
        return [*ends, *joins, *lags]

    def used(self, family: str, location: str, *, wanted: bool = True) -> int:
        """Return the vCPUs of a family that are taken in ``location``; ``cores`` and ``lowPriorityCores`` are sums.

        ``wanted`` machines count, too, before they exist.
        """
        quota = self.quotas.get(family)
        return (quota.used_elsewhere if quota else 0) + sum(self._vcpus(family, location, wanted))

    def _vcpus(self, family: str, location: str, wanted: bool) -> Iterator[int]:
        for cluster in self.clusters.values():
            for pool in cluster.pools.values() if cluster.location == location else ():
                sku = self.skus.get(pool.properties["vmSize"])
                if sku and family in self.families(sku, pool.spot):
                    more = pool.count if wanted and pool.state != "Failed" else 0
                    yield sku.vcpus * max(more, len(pool.instances))

    @staticmethod
    def families(sku: machines.Sku, spot: bool) -> tuple[str, ...]:
        """Return the quotas that a machine of that size counts against."""
        return ("lowPriorityCores",) if spot else (sku.family, "cores")

    def _nodes(self) -> Iterator[PoolNode]:
        for cluster in self.clusters.values():
            yield from nodes_of(cluster, self.now(), self.never_join)

    def _carry_out(self, request: Request, fault: Fault | None) -> Answer:
        if fault == Crash("before"):
            raise Crashed("before the call")
        if isinstance(fault, Interrupt) and fault.when == "before":
            fault.action()
            raise ConnectionBrokenError(carried_out=False)
        if isinstance(fault, Reset | Unreachable):
            raise ConnectionBrokenError(carried_out=False, connected=isinstance(fault, Reset))
        answer = self._answer(request, fault)
        if fault == Crash("after"):
            raise Crashed("after the call")
        if isinstance(fault, Interrupt):
            fault.action()
        if isinstance(fault, LoseResponse | Interrupt):
            raise ConnectionBrokenError(carried_out=True)
        return answer

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        try:
            self._admit(request, fault)
            doom = fault.cause if isinstance(fault, FailLater) else None
            return self._with_headers(request, routes.route(self, request, doom))
        except ArmError as error:
            return self._with_headers(request, error.answer())

    def _admit(self, request: Request, fault: Fault | None) -> None:
        if isinstance(fault, Throttle):
            raise arm_errors.throttled(self.subscription, request.method, fault.retry_after_s)
        if isinstance(fault, Refuse):
            raise fault.error
        self.tokens.check(request.headers.get("authorization"), self.now())
        wait = self.rate.take(request.method, self.now()) if self.rate else 0
        if wait:
            raise arm_errors.throttled(self.subscription, request.method, wait)
        kind = routes.kind_of(request)
        wait = self.provider_rate.take(kind, request.path, self.now()) if self.provider_rate else 0
        if wait:
            raise arm_errors.throttled_by_aks(self.subscription, kind, wait)

    def _with_headers(self, request: Request, answer: Answer) -> Answer:
        kind = {"GET": "reads", "DELETE": "deletes"}.get(request.method, "writes")
        left = self.rate.left(request.method) if self.rate else 11_999
        headers = {
            "x-ms-request-id": f"arm-test-{len(self.calls) + 1}",
            "x-ms-correlation-request-id": f"arm-test-{len(self.calls) + 1}",
            f"x-ms-ratelimit-remaining-subscription-{kind}": str(left),
            **answer.headers,
        }
        return Answer(answer.status, answer.body, headers)
