"""Threads, locks, pauses and clocks of simulated time, put in the place of the real."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from greenlet import getcurrent

from llmwright.testing.simulation.timeline import Timeline


@dataclass
class Event:
    """Stands for ``threading.Event``."""

    timeline: Timeline
    _set: bool = False

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def set(self) -> None:
        """Set it: who waits goes on."""
        self._set = True

    def clear(self) -> None:
        """Unset it."""
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; return False where ``timeout`` seconds were over before."""
        return self._set or self.timeline.wait(self.is_set, timeout)


class Lock:
    """Stands for ``threading.Lock`` and ``RLock``: a thread that holds it may wait meanwhile, so others must queue."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._owner: Any = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; return False where another holds it for longer than that."""
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
        """Give it back."""
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
        """Give it back, and take it again once somebody notifies; return False where nobody did in time."""
        seen, depth = self._notified, self._depth
        self._owner, self._depth = None, 0
        told = self._timeline.wait(lambda: self._notified > seen, timeout)
        self.acquire()
        self._depth = depth
        return told

    def notify(self, _: int = 1) -> None:
        """Wake all that wait."""
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
        """Let it run."""
        self._started = True
        self._timeline.spawn(self._run, self.name)

    def _run(self) -> None:
        self._target(*self._args)
        self._done = True

    def is_alive(self) -> bool:
        """Whether it has begun and not ended."""
        return self._started and not self._done

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
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
        """Have work done by one of at most ``max_workers`` threads."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self._queue.append(lambda: work(*args, **named))
        if self._running < self.max_workers:
            self._running += 1
            self.timeline.spawn(self._work, self.thread_name_prefix)

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more work."""
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

    def Event(self) -> Event:  # noqa: N802 - as there
        """Return an event."""
        return Event(self._timeline)

    def Lock(self) -> Lock:  # noqa: N802 - as there
        """Return a lock."""
        return Lock(self._timeline)

    RLock = Lock

    def Condition(self) -> ConditionVariable:  # noqa: N802 - as there
        """Return a condition variable."""
        return ConditionVariable(self._timeline)

    def Thread(self, *, target: Callable[..., object], **named: Any) -> Thread:  # noqa: N802 - as there
        """Return a thread that has not begun."""
        return Thread(self._timeline, target, **named)

    def get_ident(self) -> int:
        """Return a number of the thread that runs now, which no other has."""
        return id(getcurrent())


class Time:
    """Stands for the module ``time``."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self._timeline.now

    perf_counter = monotonic

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self._timeline.datetime().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let others go on for that long."""
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
