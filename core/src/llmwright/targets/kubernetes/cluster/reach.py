"""Reach of an API server: told once when it does not answer, and once when it does again."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

SILENT_S = 5.0
"""After so many seconds without any answer it is told. A connection that breaks now and then is no reason to."""
NO_ANSWER = "<error>"
"""In place of a status code, as client-go has it."""

log = logging.getLogger(__name__)


class Reach:
    """The answers to all requests of one client; used from several threads."""

    def __init__(self, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.host, self._clock = host, clock
        self._requests = Counter[tuple[str, str]]()
        self._silent_since: float | None = None
        self._told = False
        self._lock = threading.Lock()

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """How many requests there were, by method and status code."""
        with self._lock:
            return dict(self._requests)

    def answered(self, method: str, status: int) -> None:
        """Note an answer."""
        with self._lock:
            self._requests[method, str(status)] += 1
            since, told = self._silent_since, self._told
            self._silent_since, self._told = None, False
        if told and since is not None:
            log.info("the API server %s answers again after %.0f s", self.host, self._clock() - since)

    def failed(self, method: str, error: Exception) -> None:
        """Note a request without an answer."""
        with self._lock:
            self._requests[method, NO_ANSWER] += 1
            now = self._clock()
            self._silent_since = now if self._silent_since is None else self._silent_since
            tells = not self._told and now - self._silent_since >= SILENT_S
            self._told = self._told or tells
        if tells:
            words = " ".join(str(error).split())[:300]
            log.warning("the API server %s does not answer, and is waited for: %s", self.host, words)
