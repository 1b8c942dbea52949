"""Work that a pass must not wait for: done in a pool, one task at a time for each subject."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


class Tasks:
    """A bounded pool. ``then`` is called after each task, also after one that failed in a way nobody foresaw."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="task")
        self._busy: set[Hashable] = set()
        self._lock = threading.Lock()

    def submit(self, subject: Hashable, work: Callable[[], object], then: Callable[[], None]) -> bool:
        """Do ``work`` unless work on ``subject`` is under way; return False where it is, or after ``stop``."""
        with self._lock:
            if subject in self._busy:
                return False
            self._busy.add(subject)
        try:
            self._pool.submit(self._run, subject, work, then)
        except RuntimeError:
            return False
        return True

    def is_busy(self, subject: Hashable) -> bool:
        """Return whether work on ``subject`` is under way."""
        return subject in self._busy

    def stop(self) -> None:
        """Begin no other task."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, subject: Hashable, work: Callable[[], object], then: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a task broke: %s", subject)
        finally:
            # Before the call: the pass that it calls for may submit work on the same subject.
            with self._lock:
                self._busy.discard(subject)
            then()
