"""The least speed of a transfer: the overall deadline of each request and its answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from llmwright.errors import TargetError

PATIENCE_SECONDS = 300.0
SLOWEST_BYTES_PER_SECOND = 16 * 1024


class Pace:
    """Ends a transfer that is slower than 16 KiB a second for ``patience_s`` seconds on end.

    Waiting uses the patience up, and bytes give it back. So a large file over a slow line arrives, a byte a second
    does not, and no transfer takes longer than ``patience_s`` and a second for each 16 KiB of its limit.
    """

    def __init__(self, patience_s: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self.begin("")

    def begin(self, what: str) -> None:
        """Give back all patience; ``what`` is the transfer's name in an error."""
        self._what = what
        self._left_s = self._patience_s
        self._since = self._clock()

    def limit(self, timeout_s: float | None) -> float:
        """Return ``timeout_s``, or the patience left where that is less. Raises TargetError (TooSlow)."""
        left = self._left_s - (self._clock() - self._since)
        if left <= 0:
            raise TargetError(
                f"{self._what}: less than {SLOWEST_BYTES_PER_SECOND // 1024} KiB a second "
                f"for {self._patience_s:.0f} seconds",
                hint="try again later, or take another source",
                reason="TooSlow",
            )
        return left if timeout_s is None else min(timeout_s, left)

    def passed(self, count: int) -> None:
        """Note that ``count`` bytes came or went."""
        now = self._clock()
        left = self._left_s - (now - self._since) + count / SLOWEST_BYTES_PER_SECOND
        self._left_s, self._since = min(left, self._patience_s), now
