"""A log that strangers cannot fill: what repeats is written a few times a minute, then counted."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

TIMES = 20
SECONDS = 60.0
_MOST_SOURCES = 1000


class RepeatLimit(logging.Filter):
    """Let each statement that logs write ``TIMES`` records in ``SECONDS``; then one line says how many are left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; the last one of a window says that more like it are left out."""
        now = self._clock()
        source = (record.name, record.lineno, record.msg if isinstance(record.msg, str) else "")
        start, count = self._windows.get(source, (now, 0))
        if now - start >= SECONDS:
            start, count = now, 0
        if len(self._windows) >= _MOST_SOURCES:
            self._windows.clear()
        self._windows[source] = (start, count + 1)
        if count == TIMES:
            record.msg, record.args = f"{record.getMessage()} (more like this in the next minute are left out)", ()
            record.exc_info = record.exc_text = None
        return count <= TIMES


def set_up_logging() -> None:
    """Write the log of this process to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatLimit())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # It recommends a package at import, also when nothing is quantised.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
