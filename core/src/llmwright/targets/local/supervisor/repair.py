"""Looking after a Workspace for as long as somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY_S = 2.0


class Watchman:
    """Sees to it now and then, while somebody waits, that what is waited for is still being worked on."""

    def __init__(self, repair: Callable[[], bool]) -> None:
        self._repair = repair
        self._due = time.monotonic() + LOOK_EVERY_S

    def look(self) -> None:
        """Repair, if it is time to look again."""
        if time.monotonic() >= self._due:
            self._repair()
            self._due = time.monotonic() + LOOK_EVERY_S
