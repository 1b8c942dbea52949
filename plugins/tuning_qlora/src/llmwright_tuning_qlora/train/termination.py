"""Ending early: on SIGTERM, and when the parent process ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
PARENT_POLL_SECONDS = 1.0
PARENT_GRACE_SECONDS = 30.0


class Termination:
    """Whether SIGTERM came.

    While ``graceful``, a first SIGTERM only sets ``requested``: the training loop then writes a checkpoint and ends.
    At any other time, and for a second SIGTERM, the process ends at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self.graceful = False

    def handle_sigterm(self) -> None:
        """Handle SIGTERM from now on. Call it in the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.graceful and not self.requested:
            self.requested = True
            return
        raise SystemExit(TERMINATED)


def end_with_parent() -> None:
    """Send this process SIGTERM when its parent ends, and end it by force 30 seconds later."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    # A step that hangs in native code never handles the signal, and the process would keep the GPU.
    time.sleep(PARENT_GRACE_SECONDS)
    os._exit(TERMINATED)
