"""Work that a pass must not wait for: done in a pool, one task at a time for each subject."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from llmwright.plugins.driver_calls import must_pass
from llmwright.targets.kubernetes.cluster.object_cache import Key

PAUSE_S = 30.0
"""How long nothing is tried again after a task that failed in a way nobody foresaw."""

log = logging.getLogger(__name__)


class Tasks:
    """A bounded pool. ``then`` is called after each task with the seconds after which a pass is due.

    That is at once, and ``PAUSE_S`` after a task that failed in a way nobody foresaw: tried again at once, it would
    fail again, thousands of times a second.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="task")
        self._busy: set[Hashable] = set()
        self._lock = threading.Lock()

    def submit(self, subject: Hashable, work: Callable[[], object], then: Callable[[float], None]) -> bool:
        """Do ``work`` unless work on ``subject`` is under way; return False where it is, or after ``stop``."""
        with self._lock:
            if subject in self._busy:
                return False
            self._busy.add(subject)
        try:
            # With the context of the pass that asks for it, so that its lines of the log tell which that is.
            self._pool.submit(copy_context().run, self._run, subject, work, then)
        except RuntimeError:
            return False
        return True

    def is_busy(self, subject: Hashable) -> bool:
        """Return whether work on ``subject`` is under way."""
        return subject in self._busy

    def stop(self) -> None:
        """Begin no other task."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, subject: Hashable, work: Callable[[], object], then: Callable[[float], None]) -> None:
        pause_s = 0.0
        try:
            work()
        except BaseException as error:
            if must_pass(error):
                raise
            log.exception("a task broke: %s", subject)
            pause_s = PAUSE_S
        finally:
            # Before the call: the pass that it calls for may submit work on the same subject.
            with self._lock:
                self._busy.discard(subject)
            then(pause_s)


class Lookups:
    """Questions that several Workspaces may wait for: each is asked once at a time, and then a pass is made over all.

    ``call`` has a pass made over a Workspace some seconds later; ``kind`` keeps these questions apart from others.
    """

    def __init__(self, kind: str, tasks: Tasks, call: Callable[[Key, float], None]) -> None:
        self._kind, self._tasks, self._call = kind, tasks, call
        self._waiting: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def ask(self, key: Key, subject: str, work: Callable[[], object]) -> None:
        """Have ``work`` find out about ``subject``, unless that is under way; the Workspace ``key`` waits for it."""
        # Before the task: one that is under way calls all that wait when it ends.
        with self._lock:
            self._waiting.setdefault(subject, set()).add(key)
        self._tasks.submit((self._kind, subject), work, partial(self._then, subject))

    def _then(self, subject: str, pause_s: float) -> None:
        with self._lock:
            waiting = self._waiting.pop(subject, set())
        for key in waiting:
            self._call(key, pause_s)
