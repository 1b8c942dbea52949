"""Simulated time: threads that run one at a time, in an order that a seed decides, and wait without waiting.

Each thread of the program under test is a greenlet. It runs until it waits (for an event, an answer, a pause); then the
timeline lets another go on, chosen by the seed among those that can. Where none can, the clock moves to the next moment
for which one waits. So hours pass in milliseconds, and a seed is one schedule, the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from greenlet import GreenletExit, getcurrent, greenlet

START = datetime(2026, 1, 1, tzinfo=UTC)
Condition = Callable[[], bool]


@dataclass(eq=False)
class Task:
    """One simulated thread. It can go on once ``ready`` holds, or at ``due``."""

    name: str
    run: greenlet
    group: str
    ready: Condition | None = None
    due: float = 0.0
    failure: BaseException | None = None


class HotLoop(BaseException):
    """Something goes on without end and without time passing; no handler of the program under test may catch it."""


class Timeline:
    """The clock of one simulation, and its threads.

    Threads belong to groups, as to processes: a group ends as a whole, as a killed process does.

    Args:
        seed: decides the order of threads.
        start: the date at which the clock begins.
    """

    MOST_STEPS_AT_ONCE = 20_000
    MOST_TURNS = 20_000
    """The most locks that a thread may take before it waits for something."""

    def __init__(self, seed: int, start: datetime = START) -> None:
        self._start, self.random = start, Random(seed)  # noqa: S311 - no secret
        self.now = 0.0
        self.tasks: list[Task] = []
        self.steps = 0
        self._hub = getcurrent()
        self._current: Task | None = None
        self._steps_at_once = 0
        self._ended: list[Task] = []
        self._turns = 0
        self.hot_loop: HotLoop | None = None
        self._closed = False

    def datetime(self) -> datetime:
        """Return the date of this moment, with time zone."""
        return self._start + timedelta(seconds=self.now)

    def spawn(self, target: Callable[[], object], name: str, group: str = "") -> Task:
        """Begin a thread, of the group that the current one belongs to where none is named.

        It runs for the first time when the timeline lets it.
        """
        inherited = self._current.group if self._current else "world"
        task = Task(name, greenlet(target, self._hub), group or inherited)
        self.tasks.append(task)
        return task

    def wait(self, condition: Condition | None, seconds: float | None) -> bool:
        """Wait in the current thread until the condition holds; False where ``seconds`` were over before."""
        task = self._current
        if self._closed:
            raise GreenletExit
        if task is None:
            raise RuntimeError("only a thread of the timeline can wait on it")
        task.ready = condition
        task.due = float("inf") if seconds is None else self.now + max(seconds, 0.0)
        self._hub.switch()
        return condition is not None and condition()

    def pause(self, seconds: float = 0.0) -> None:
        """Let others go first, for ``seconds`` or for a turn."""
        if self._current is not None:
            self.wait(None, seconds)

    def run(self, until: float, stop: Condition = lambda: False) -> None:
        """Let everything happen until that moment, or until ``stop`` holds."""
        while not stop():
            if self.hot_loop is not None:
                raise self.hot_loop  # The program under test may have caught it.
            now = self.now
            able = [task for task in self.tasks if task.due <= now or (task.ready is not None and task.ready())]
            if able:
                self._step(self.random.choice(able))
                continue
            due = min((task.due for task in self.tasks), default=until)
            if due >= until:
                self.now = until
                return
            self.now, self._steps_at_once = due, 0

    def take_turn(self) -> None:
        """Note that the current thread goes on without waiting: one that does so without end never lets time pass."""
        self._turns += 1
        if self._turns > self.MOST_TURNS and not self._closed:
            self.hot_loop = HotLoop(
                f"{self._current.name if self._current else 'a thread'} does not wait at {self.now:.3f} s"
            )
            raise self.hot_loop

    def end(self, group: str) -> None:
        """End all threads of a group at once: none runs another line."""
        self._ended += [task for task in self.tasks if task.group == group]
        self.tasks = [task for task in self.tasks if task.group != group]

    def close(self) -> None:
        """Unwind all threads, also those that were ended: a greenlet that is never unwound is never freed."""
        self._closed = True
        for task in (*self.tasks, *self._ended):
            with suppress(Exception):
                task.run.throw(GreenletExit)
        self.tasks, self._ended = [], []

    def _step(self, task: Task) -> None:
        self.steps += 1
        self._steps_at_once += 1
        if self._steps_at_once > self.MOST_STEPS_AT_ONCE:
            raise HotLoop(f"{self._steps_at_once} steps at {self.now:.3f} s, the last of {task.name}")
        self._current, task.ready, task.due, self._turns = task, None, self.now, 0
        try:
            task.run.switch()
        finally:
            self._current = None
        if task.run.dead and task in self.tasks:
            self.tasks.remove(task)
