"""The rate of a transfer: over its last seconds, so that what lay there already is no speed and a pause shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 10.0


class TransferRate:
    """Bytes per second; ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> float:
        """Note the bytes so far, and return the rate; 0 until time has passed."""
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_SECONDS:
            self._seen.popleft()
        began, first = self._seen[0]
        return (done - first) / (now - began) if now > began else 0.0
