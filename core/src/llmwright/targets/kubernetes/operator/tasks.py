"""Work that a pass must not wait for: done in a pool, one task at a time for each subject."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from llmwright.plugins.driver_calls import must_pass

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
