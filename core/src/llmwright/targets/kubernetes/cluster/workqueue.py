"""The queue of names that wait for a pass: each at most once, with back-off after failures, and none starves."""

from __future__ import annotations

import heapq
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.values.backoff import Backoff

BACKOFF = Backoff(first_s=0.05, most_s=300.0)


class Line(IntEnum):
    """Why a name waits. The greater the line, the less work its pass is likely to be."""

    NEW = 0
    """The Workspace is new, or any reason that no other line names."""
    MOVED = 1
    """Something that the Workspace waited for changed."""
    RUNS = 2
    """An object of the Workspace that runs changed: mostly only the status has to be written."""


@dataclass(slots=True)
class Counts:
    """How often a name was added, and how often one was queued again after a failure, since the queue was made."""

    adds: int = 0
    retries: int = 0


class Workqueue:
    """Names of Workspaces that wait for a pass, in three lines that take turns.

    A hundred new Workspaces do not hold up those that are under way, nor the status of those that become ready. A name
    waits at most once. A name whose pass runs waits until that pass ends: two passes of one name never run at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.counts = Counts()
        self._lines: list[OrderedDict[Key, None]] = [OrderedDict() for _ in Line]
        self._turn = 0
        self._busy: set[Key] = set()
        self._again: dict[Key, Line] = {}
        self._later: list[tuple[float, Key, Line]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._changed = threading.Condition()
        self._calm = threading.Event()
        self._calm.set()
        self._closed = False

    def add(self, key: Key, line: Line = Line.NEW) -> None:
        """Queue a name. A name that is added to several lines waits in the greatest of them."""
        with self._changed:
            self._add(key, line)
            self._changed.notify()

    def add_after(self, key: Key, seconds: float, line: Line = Line.NEW) -> None:
        """Queue a name after some seconds. Of several such calls, the one that is due first counts."""
        with self._changed:
            due = self._clock() + seconds
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._later, (due, key, line))
                self._changed.notify()

    def retry(self, key: Key, at_least_s: float = 0.0) -> float:
        """Queue a name again after a pause that grows with each failure; return the pause in seconds."""
        with self._changed:
            self.counts.retries += 1
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
        pause = max(BACKOFF.pause_s(failures + 1), at_least_s)
        self.add_after(key, pause)
        return pause

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a name."""
        with self._changed:
            self._failures.pop(key, None)

    def take(self) -> Key | None:
        """Wait for the next name and return it; None after ``close``. The caller must then call ``done``."""
        with self._changed:
            while not self._closed:
                next_due_s = self._queue_due()
                key = self._next()
                if key is not None:
                    self._busy.add(key)
                    return key
                self._changed.wait(next_due_s)
            return None

    def done(self, key: Key) -> None:
        """End the pass over a name. If it was added during the pass, it waits again."""
        with self._changed:
            self._busy.discard(key)
            if key in self._again:
                self._add(key, self._again.pop(key))
                self._changed.notify()

    def wait_calm(self, timeout_s: float) -> bool:
        """Wait until the queue is empty; return False on timeout."""
        return self._calm.wait(timeout_s)

    def holds(self, *lines: Line) -> bool:
        """Return whether names wait in any of these lines."""
        return any(self._lines[line] for line in lines)

    def close(self) -> None:
        """End every call of ``take`` and ``wait_calm``."""
        with self._changed:
            self._closed = True
            self._calm.set()
            self._changed.notify_all()

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    def _add(self, key: Key, line: Line) -> None:
        if key in self._busy:
            self._again[key] = max(line, self._again.get(key, line))
            return
        if any(key in greater for greater in self._lines[line:]):
            return
        self.counts.adds += 1
        for lesser in self._lines[:line]:
            lesser.pop(key, None)
        self._lines[line][key] = None
        if not self._closed:
            self._calm.clear()

    def _queue_due(self) -> float | None:
        """Queue the names that are due; return the seconds until the next one is, None if there is none."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            due, key, line = heapq.heappop(self._later)
            # An entry that an earlier one has replaced is still in the heap, and is skipped.
            if self._due.get(key) == due:
                del self._due[key]
                self._add(key, line)
        return self._later[0][0] - now if self._later else None

    def _next(self) -> Key | None:
        self._turn = (self._turn + 1) % len(self._lines)
        for line in (*self._lines[self._turn :], *self._lines[: self._turn]):
            if line:
                key = line.popitem(last=False)[0]
                if not any(self._lines):
                    self._calm.set()
                return key
        return None
