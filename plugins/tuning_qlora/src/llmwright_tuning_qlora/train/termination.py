"""Ending early: on SIGTERM, and with the process that started this one."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
PARENT_POLL_SECONDS = 1.0
PARENT_GRACE_SECONDS = 30.0


class Stop:
    """Whether this process was asked to end.

    While ``gentle`` a first SIGTERM is only noted, for whoever holds state to save it; any other ends at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self.gentle = False

    def listen(self) -> None:
        """From now on handle SIGTERM; call from the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.gentle and not self.requested:
            self.requested = True
            return
        raise SystemExit(TERMINATED)


def follow_parent() -> None:
    """End this process when its parent does: SIGTERM to itself, and the end without ceremony 30 seconds later."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PARENT_GRACE_SECONDS)
    os._exit(TERMINATED)
