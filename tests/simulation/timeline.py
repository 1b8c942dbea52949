"""Simulated time: threads that run one at a time, in an order that a seed decides, and wait without waiting.

Each thread of the program under test is a greenlet. It runs until it waits (for an event, an answer, a pause); then the
timeline lets another go on, chosen by the seed among those that can. Where none can, the clock moves to the next moment
for which one waits. So hours pass in milliseconds, and a seed is one schedule, the same each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from random import Random
from typing import Any

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
    """

    MOST_STEPS_AT_ONCE = 20_000
    MOST_TURNS = 20_000
    """The most locks that a thread may take before it waits for something."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
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
        return START + timedelta(seconds=self.now)

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


@dataclass
class Event:
    """Stands for ``threading.Event``."""

    timeline: Timeline
    _set: bool = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        return self._set or self.timeline.wait(self.is_set, timeout)


class Lock:
    """Stands for ``threading.Lock`` and ``RLock``: a thread that holds it may wait meanwhile, so others must queue."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._owner: Any = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not blocking and self._owner not in (None, getcurrent()):
            return False
        self._timeline.take_turn()
        while self._owner not in (None, getcurrent()):
            # Another may have taken it between the release and this thread's turn.
            if not self._timeline.wait(lambda: self._owner is None, None if timeout < 0 else timeout) and timeout >= 0:
                return False
        self._owner, self._depth = getcurrent(), self._depth + 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class ConditionVariable(Lock):
    """Stands for ``threading.Condition``."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._notified = 0

    def wait(self, timeout: float | None = None) -> bool:
        seen, depth = self._notified, self._depth
        self._owner, self._depth = None, 0
        told = self._timeline.wait(lambda: self._notified > seen, timeout)
        self.acquire()
        self._depth = depth
        return told

    def notify(self, _: int = 1) -> None:
        # All wake and look again: who is first is for the seed to say, as it is for the kernel.
        self._notified += 1

    notify_all = notify


class Thread:
    """Stands for ``threading.Thread``."""

    def __init__(
        self, timeline: Timeline, target: Callable[..., object], args: tuple[Any, ...] = (), name: str = "", **_: Any
    ) -> None:
        self._timeline, self._target, self._args, self.name = timeline, target, args, name
        self._done = False
        self._started = False

    def start(self) -> None:
        self._started = True
        self._timeline.spawn(self._run, self.name)

    def _run(self) -> None:
        self._target(*self._args)
        self._done = True

    def is_alive(self) -> bool:
        return self._started and not self._done

    def join(self, timeout: float | None = None) -> None:
        if not self._done:
            self._timeline.wait(lambda: self._done, timeout)


@dataclass(eq=False)
class Executor:
    """Stands for ``ThreadPoolExecutor``."""

    timeline: Timeline
    max_workers: int = 1
    thread_name_prefix: str = ""
    _queue: deque[Callable[[], object]] = field(default_factory=deque)
    _running: int = 0
    _closed: bool = False

    def submit(self, work: Callable[..., object], *args: Any, **named: Any) -> None:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self._queue.append(lambda: work(*args, **named))
        if self._running < self.max_workers:
            self._running += 1
            self.timeline.spawn(self._work, self.thread_name_prefix)

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        self._closed = True
        if cancel_futures:
            self._queue.clear()
        if wait and self._running:
            self.timeline.wait(lambda: not self._running, None)

    def _work(self) -> None:
        while self._queue:
            self._queue.popleft()()
        self._running -= 1


class Threading:
    """Stands for the module ``threading``."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def Event(self) -> Event:
        return Event(self._timeline)

    def Lock(self) -> Lock:
        return Lock(self._timeline)

    RLock = Lock

    def Condition(self) -> ConditionVariable:
        return ConditionVariable(self._timeline)

    def Thread(self, *, target: Callable[..., object], **named: Any) -> Thread:
        return Thread(self._timeline, target, **named)


class Time:
    """Stands for the module ``time``."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        return self._timeline.now

    perf_counter = monotonic

    def time(self) -> float:
        return self._timeline.datetime().timestamp()

    def sleep(self, seconds: float) -> None:
        self._timeline.pause(seconds)


def dated(timeline: Timeline) -> type[datetime]:
    """Return a class that stands for ``datetime`` and knows the timeline's moment."""

    class Dated(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return timeline.datetime().astimezone(tz)

    return Dated


@contextmanager
def in_place_of_the_real(timeline: Timeline, modules: Callable[[str], bool]) -> Iterator[None]:
    """Have the modules that ``modules`` chooses by name use the timeline for threads, locks, pauses and clocks."""
    import concurrent.futures
    import datetime as dt
    import random
    import sys
    import threading
    import time

    simulated_time, simulated_date = Time(timeline), dated(timeline)
    stand_ins: dict[int, Any] = {
        id(threading): Threading(timeline),
        id(time): simulated_time,
        id(time.monotonic): simulated_time.monotonic,
        id(threading.Thread): lambda **named: Thread(timeline, **named),
        id(random): timeline.random,
        id(dt.datetime): simulated_date,
        id(concurrent.futures.ThreadPoolExecutor): lambda **named: Executor(timeline, **named),
    }
    undo: list[Callable[[], None]] = []
    for name, module in [*sys.modules.items()]:
        if module is not None and modules(name):
            _put(vars(module), stand_ins, undo)
            for defined in [*vars(module).values()]:
                if getattr(defined, "__module__", None) == name:
                    _put_defaults(defined, stand_ins, undo)
    try:
        yield
    finally:
        for step in reversed(undo):
            step()


def _put(names: dict[str, Any], stand_ins: dict[int, Any], undo: list[Callable[[], None]]) -> None:
    for name, value in [*names.items()]:
        if id(value) in stand_ins:
            names[name] = stand_ins[id(value)]
            undo.append(lambda name=name, value=value: names.__setitem__(name, value))  # type: ignore[misc]


def _put_defaults(defined: Any, stand_ins: dict[int, Any], undo: list[Callable[[], None]]) -> None:
    """Replace what functions took as their arguments' defaults when they were defined."""
    functions = [*vars(defined).values()] if isinstance(defined, type) else [defined]
    for function in functions:
        defaults = getattr(function, "__defaults__", None)
        if defaults and any(id(value) in stand_ins for value in defaults):
            function.__defaults__ = tuple(stand_ins.get(id(value), value) for value in defaults)
            undo.append(lambda function=function, defaults=defaults: setattr(function, "__defaults__", defaults))  # type: ignore[misc]
