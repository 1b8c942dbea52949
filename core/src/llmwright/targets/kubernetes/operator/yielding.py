"""Who goes first: a server's pods stand back for a moment while Workspaces wait that have nothing yet."""

from __future__ import annotations

import time
from collections.abc import Callable

from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue

YIELD_S = 15.0
"""For how long pods stand back at most: less than it takes them to load a model."""


class Yielding:
    """Lets what makes pods wait until every Workspace has its other objects, or asked for its nodes.

    Pods set the controller manager, the scheduler and the kubelets to work, all against one API server. Where many
    Workspaces come at once, all that is asked for is there in two thirds of the time if that work begins after ours,
    and the last server is ready a little sooner; the first ones are ready later for it, by about ``YIELD_S`` at most:
    then they take turns with the new.
    """

    def __init__(self, queue: Workqueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._clock = queue, clock
        self._since: dict[Key, float] = {}

    def stands_back(self, key: Key) -> bool:
        """Whether the Workspace's pods wait now; another pass is called for then, after the others."""
        now = self._clock()
        rest = self._since.get(key, now) + YIELD_S - now
        if rest <= 0 or not self._queue.holds(Line.NEW, Line.MOVED):
            self.forget(key)
            return False
        self._since.setdefault(key, now)
        self._queue.add(key, Line.LAST)
        self._queue.add_after(key, rest, Line.MOVED)
        return True

    def forget(self, key: Key) -> None:
        """It has pods, or is gone."""
        self._since.pop(key, None)
