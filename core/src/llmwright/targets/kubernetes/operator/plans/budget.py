"""The spending of each namespace, so that fifty Workspaces at once do not pass a limit that each alone keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.targets.kubernetes.cluster.object_cache import Key, key_of
from llmwright.targets.kubernetes.operator.cache.projection import condition
from llmwright.targets.kubernetes.operator.memory import Memory, Spending, WorkspaceMemory
from llmwright.values.plan import Plan

MOST_NAMED = 5
"""The most Workspaces that a message names."""


class Prices(Protocol):
    """Knows what machines cost."""

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        """Return the price of all nodes; None where it is unknown."""


class Budget:
    """Holds the limits of namespaces; what each Workspace spends, in USD per hour, is kept in its record."""

    def __init__(
        self,
        memory: Memory,
        limits: Callable[[str], Limits],
        recorded: Callable[[str], Mapping[Key, float | None]],
    ) -> None:
        """``recorded`` gives the spending that the status of each Workspace of a namespace has on record.

        It is asked once for each namespace with a limit: for what was admitted by an operator before this one.
        """
        self._memory, self._limits, self._recorded = memory, limits, recorded
        self._counted: set[str] = set()
        self._lock = threading.Lock()

    def admit(self, key: Key, record: WorkspaceMemory, plan: Plan, *, recorded: bool) -> list[Key]:
        """Count ``plan``; one that is ``recorded`` in the status is counted whatever the limit.

        Returns the Workspaces to ask again: those that were kept out, where this one spends less than before.

        Raises:
            LimitExceeded: with it the namespace would spend more than it may.
        """
        namespace = key[0]
        limit = self._limits(namespace).total_usd_per_hour
        if limit is None:
            return []
        usd = plan.cost.usd_per_hour if plan.cost else 0.0
        # One at a time: two Plans that each fit alone may not fit together.
        with self._lock:
            others = self._spent(namespace, key)
            record.over_budget = not recorded and (usd is None or sum(others.values()) + usd > limit)
            if not record.over_budget:
                return self._spends(namespace, record, usd)
        # What runs goes on, and costs what it cost.
        raise _exceeded(namespace, others, usd, limit)

    def gave_back(self, key: Key, record: WorkspaceMemory) -> list[Key]:
        """Count nothing for a Workspace that gave its nodes back; return those to ask again, as ``admit``."""
        with self._lock:
            return self._spends(key[0], record, 0.0) if record.spending is not None else []

    def freed(self, key: Key, forgotten: WorkspaceMemory | None) -> list[Key]:
        """Return the Workspaces to ask again now that ``key`` is gone: those that its spending kept out."""
        with self._lock:
            records = self._memory.in_namespace(key[0])
            if not records:
                self._counted.discard(key[0])
            if forgotten is None or forgotten.spending is None or not forgotten.spending.usd_per_hour:
                return []
            return self._kept_out(key[0])

    def _spends(self, namespace: str, record: WorkspaceMemory, usd: float | None) -> list[Key]:
        """Note what a Workspace spends; return those to ask again where that is less than before."""
        before, record.spending = record.spending, Spending(usd)
        less = before is not None and (before.usd_per_hour or 0.0) > (usd or 0.0)
        return self._kept_out(namespace) if less else []

    def _kept_out(self, namespace: str) -> list[Key]:
        """Return the Workspaces of ``namespace`` that the limit kept from their nodes, and forget that it did."""
        records = self._memory.in_namespace(namespace)
        refused = [other for other, record in records.items() if record.over_budget]
        for other in refused:
            records[other].over_budget = False
        return refused

    def _spent(self, namespace: str, but: Key) -> dict[str, float]:
        """Return what each other Workspace of ``namespace`` costs, in USD per hour; without those that cost nothing."""
        if namespace not in self._counted:
            self._counted.add(namespace)
            for key, usd in self._recorded(namespace).items():
                record = self._memory.of(key)
                record.spending = record.spending or Spending(usd)
        records = self._memory.in_namespace(namespace)
        spendings = {key[1]: record.spending for key, record in records.items() if key != but}
        return {name: each.usd_per_hour for name, each in spendings.items() if each is not None and each.usd_per_hour}


def recorded_costs(workspaces: Iterable[Mapping[str, Any]], namespace: str, prices: Prices) -> dict[Key, float | None]:
    """Return USD per hour of each Workspace of ``namespace`` that has a recorded plan and still holds its nodes."""
    costs: dict[Key, float | None] = {}
    for workspace in workspaces:
        plan = (workspace.get("status") or {}).get("plan")
        released = condition(workspace, "ResourceReady").get("reason") == "Released"
        if workspace["metadata"]["namespace"] == namespace and plan and not released:
            # Of one that is stopped they are 0.
            nodes = plan.get("nodes")
            usd = prices.usd_per_hour(plan.get("instanceType") or "", 1 if nodes is None else nodes)
            costs[key_of(dict(workspace))] = usd
    return costs


def _exceeded(namespace: str, others: Mapping[str, float], usd: float | None, limit: float) -> LimitExceeded:
    wanted = "a machine whose price is unknown" if usd is None else f"{usd:g} USD per hour more"
    return LimitExceeded(
        f"namespace {namespace} may spend {limit:g} USD per hour on machines, and {_told(others)}: "
        f"{wanted} would be too much",
        hint="delete or stop one of them, or ask whoever set totalUsdPerHour in the operator's settings",
    )


def _told(others: Mapping[str, float]) -> str:
    """Return who spends what, the dearest first."""
    if not others:
        return "spends nothing yet"
    dearest = sorted(others.items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{name} {usd:g}" for name, usd in dearest[:MOST_NAMED])
    rest = len(others) - MOST_NAMED
    return f"spends {sum(others.values()):g} ({named}{f' and {rest} more' if rest > 0 else ''})"
