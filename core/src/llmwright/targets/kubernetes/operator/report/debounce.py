"""Changes of a status that nobody waits for: held back for a moment, so that several become one write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.targets.kubernetes.cluster.object_cache import Key, key_of

Object = Mapping[str, Any]

HOLD_S = 3.0
"""How long a status may be behind in its words: less than it takes somebody to read it."""

CROWDED_S = 6.0
"""How long what is under way may wait to be told while many Workspaces come at once; nobody reads them all in that."""

WORDS = frozenset({"conditions", "provisioner"})
"""Fields of a status that may change without anything having come about."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is to be written, over which status, since when (of the monotonic clock), and whether others waited then."""

    over: Object
    status: WorkspaceStatus
    since: float
    crowded: bool


class Holding:
    """The statuses that are not written yet. Whoever decides next builds on them; after a crash they are decided again.

    Args:
        crowded: whether Workspaces wait that have nothing yet. What is under way is told after them, and not before
            it is due: mostly it is ready by then, and both are one write.
    """

    def __init__(self, crowded: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._crowded, self._clock = crowded, clock
        self._held: dict[Key, Held] = {}

    def latest(self, workspace: Object, written: WorkspaceStatus | None) -> WorkspaceStatus | None:
        """The status as it was last decided: what is held, unless another was written since."""
        held = self._held.get(key_of(dict(workspace)))
        return held.status if held is not None and held.over == _status_of(workspace) else written

    def hold(self, workspace: Object, status: WorkspaceStatus, patch: Object) -> float:
        """Seconds for which ``patch`` may wait, and ``status`` is kept; 0 where it is to be written now."""
        key, over, now = key_of(dict(workspace)), _status_of(workspace), self._clock()
        held = self._held.get(key)
        if held is None or held.over != over:
            held = Held(over, status, now, crowded=False)
        goes_on = is_under_way(over, status)
        if goes_on and not held.crowded and self._crowded():
            held = Held(over, status, now, crowded=True)
        rest = held.since + (CROWDED_S if held.crowded else HOLD_S) - now
        may_wait = only_words(over, patch) or (held.crowded and goes_on)
        if rest <= 0 or not may_wait:
            self.forget(key)
            return 0.0
        self._held[key] = replace(held, status=status)
        return rest

    def forget(self, key: Key) -> None:
        """It was written, or is not wanted any more."""
        self._held.pop(key, None)


def only_words(live: Object, patch: Object) -> bool:
    """Whether ``patch`` leaves every condition's status as it is in ``live``, and all that is no condition."""
    if not patch.keys() <= WORDS:
        return False
    return "conditions" not in patch or _verdicts(live.get("conditions")) == _verdicts(patch["conditions"])


def is_under_way(live: Object, status: WorkspaceStatus) -> bool:
    """Whether ``status`` tells of work that goes on, and ``live`` of nothing that was ready or had ended before it."""
    before = _verdicts(live.get("conditions"))
    reconciling = status.condition("Reconciling")
    goes_on = reconciling is not None and reconciling.status == "True"
    return goes_on and before.get("WorkspaceReady") != "True" and before.get("Stalled") != "True"


def _verdicts(conditions: Any) -> dict[str, str]:
    return {one["type"]: one["status"] for one in conditions or []}


def _status_of(workspace: Object) -> Object:
    return workspace.get("status") or {}
