"""The progress of a transfer as events, which a file, a port or a person's screen take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from llmwright.artifacts.transfer_rate import TransferRate

SECONDS_BETWEEN = 0.5


class TransferEvents:
    """Called with the bytes so far and in all, tells an event: two a second, and always the last.

    An event has ``event``, ``bytes`` and ``total``; once something came, ``bytes_per_second`` and ``seconds_left`` too.
    """

    def __init__(
        self, event: str, tell: Callable[[Mapping[str, Any]], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``event`` is what every event is called; ``clock`` is in seconds."""
        self._event, self._tell, self._clock = event, tell, clock
        self._pace = TransferRate(clock)
        self._last = float("-inf")

    def __call__(self, done: int, total: int | None) -> None:
        """Note the bytes so far, and tell them where it is time."""
        now, rate = self._clock(), self._pace.note(done)
        if now - self._last < SECONDS_BETWEEN and done != total:
            return
        self._last = now
        event: dict[str, Any] = {"event": self._event, "bytes": done, "total": total}
        if rate:
            event["bytes_per_second"] = round(rate)
            event |= {"seconds_left": round((total - done) / rate, 1)} if total else {}
        self._tell(event)
