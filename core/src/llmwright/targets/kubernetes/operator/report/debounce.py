"""Changes of a status that nobody waits for: held back for a moment, so that several become one write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.targets.kubernetes.cluster.object_cache import key_of
from llmwright.targets.kubernetes.operator.memory import HeldStatus, Memory, WorkspaceMemory

Object = Mapping[str, Any]

HOLD_S = 3.0
"""For how long a message of the status may be late: less than it takes somebody to read it."""

CROWDED_S = 6.0
"""For how long a status that tells of work under way may be late while many Workspaces come at once."""

TEXTS = frozenset({"conditions", "provisioner"})
"""Fields of a status that may change although nothing was reached or lost."""


class Debounce:
    """The statuses that are not written yet. The next decision builds on them; after a crash they are decided again.

    Args:
        crowded: whether Workspaces wait that have nothing yet. Then what is under way is written later: mostly it is
            ready by then, and one write tells both.
    """

    def __init__(
        self, memory: Memory, crowded: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._memory, self._crowded, self._clock = memory, crowded, clock

    def latest(self, live: Object, status: WorkspaceStatus | None) -> WorkspaceStatus | None:
        """Return the status as it was last decided: what is held, unless another ``status`` was written since."""
        held = self._record(live).held_status
        return held.status if held is not None and held.over == _status_of(live) else status

    def hold(self, live: Object, status: WorkspaceStatus, patch: Object) -> float:
        """Return for how many seconds ``patch`` may wait, and keep ``status``; 0 where it is to be written now."""
        record, over, now = self._record(live), _status_of(live), self._clock()
        held = record.held_status
        if held is None or held.over != over:
            held = HeldStatus(over, status, now, crowded=False)
        under_way = is_under_way(over, status)
        if under_way and not held.crowded and self._crowded():
            held = HeldStatus(over, status, now, crowded=True)
        rest = held.since + (CROWDED_S if held.crowded else HOLD_S) - now
        may_wait = only_texts(over, patch) or (held.crowded and under_way)
        if rest <= 0 or not may_wait:
            record.held_status = None
            return 0.0
        record.held_status = replace(held, status=status)
        return rest

    def drop(self, live: Object) -> None:
        """Hold nothing any more: it was written, or is not wanted."""
        self._record(live).held_status = None

    def _record(self, live: Object) -> WorkspaceMemory:
        return self._memory.of(key_of(dict(live)))


def only_texts(over: Object, patch: Object) -> bool:
    """Return whether ``patch`` leaves the status of every condition as it is, and all fields that are not texts."""
    if not patch.keys() <= TEXTS:
        return False
    return "conditions" not in patch or _verdicts(over.get("conditions")) == _verdicts(patch["conditions"])


def is_under_way(over: Object, status: WorkspaceStatus) -> bool:
    """Return whether ``status`` tells of work that goes on, and the live one of nothing that was ready or had ended."""
    before = _verdicts(over.get("conditions"))
    reconciling = status.condition("Reconciling")
    goes_on = reconciling is not None and reconciling.status == "True"
    return goes_on and before.get("WorkspaceReady") != "True" and before.get("Stalled") != "True"


def _verdicts(conditions: Any) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in conditions or []}


def _status_of(live: Object) -> Object:
    return live.get("status") or {}
