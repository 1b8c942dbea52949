"""What may not be done inside a pass: done in a pool, one thing at a time for each subject."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


class Tasks:
    """A bounded pool. Whoever submits is told by ``then``, also where the work failed in a way nobody foresaw."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="task")
        self._busy: set[Hashable] = set()
        self._lock = threading.Lock()

    def submit(self, subject: Hashable, work: Callable[[], object], then: Callable[[], None]) -> bool:
        """Have ``work`` done unless work on ``subject`` is under way; False where it is, or after ``stop``."""
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
        """Whether work on ``subject`` is under way."""
        return subject in self._busy

    def stop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, subject: Hashable, work: Callable[[], object], then: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a task broke: %s", subject)
        finally:
            with self._lock:
                self._busy.discard(subject)
            then()
