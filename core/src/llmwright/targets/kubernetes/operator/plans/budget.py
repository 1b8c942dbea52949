"""What each namespace spends, so that fifty Workspaces at once do not pass a limit that one alone would keep."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.values.plan import Plan


class Ledger:
    """USD per hour of every admitted Plan, by Workspace.

    ``recorded`` gives the cost of what was admitted by an operator before this one, and is asked for all Workspaces
    of a namespace the first time that a limit of it matters.
    """

    def __init__(self, limits: Callable[[str], Limits], recorded: Callable[[str], dict[Key, float | None]]) -> None:
        self._limits, self._recorded = limits, recorded
        self._spent: dict[str, dict[Key, float | None]] = {}
        self._refused: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def admit(self, key: Key, plan: Plan, *, recorded: bool) -> None:
        """Count ``plan`` as spent; one that was ``recorded`` before is counted whatever the limit.

        Raises:
            LimitExceeded: with it the namespace would spend more than it may.
        """
        namespace = key[0]
        limit = self._limits(namespace).total_usd_per_hour
        if limit is None:
            return
        with self._lock:
            spent = self._spent.get(namespace)
            if spent is None:
                spent = self._spent[namespace] = self._recorded(namespace)
            mine = plan.cost.usd_per_hour if plan.cost else 0.0
            others = sum(usd or 0.0 for other, usd in spent.items() if other != key)
            if not recorded and (mine is None or others + mine > limit):
                spent.pop(key, None)
                self._refused.setdefault(namespace, set()).add(key)
                raise _exceeded(namespace, others, mine, limit)
            spent[key] = mine

    def release(self, key: Key) -> set[Key]:
        """It spends nothing any more; returns those that were refused and may be asked again."""
        with self._lock:
            freed = self._spent.get(key[0], {}).pop(key, None)
            refused = self._refused.get(key[0], set())
            refused.discard(key)
            return self._refused.pop(key[0], set()) if freed else set()


def _exceeded(namespace: str, others: float, mine: float | None, limit: float) -> LimitExceeded:
    wanted = "a machine whose price is unknown" if mine is None else f"{mine:g} USD per hour more"
    return LimitExceeded(
        f"namespace {namespace} spends {others:g} USD per hour and may spend {limit:g}: {wanted} would be too much",
        hint="delete a Workspace, or ask whoever set limits.totalUsdPerHour",
    )
