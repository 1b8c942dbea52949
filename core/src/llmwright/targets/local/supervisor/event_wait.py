"""The supervisor's wait, and what ends it: a signal, another process through a named pipe, a probe's end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from pathlib import Path
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)


class EventWait:
    """Waits without polling. Make only one per process, in its main thread.

    Other processes write a byte to the named pipe at ``pipe``. A signal would need a pid, which may be a stranger's by
    the time it is sent.
    """

    def __init__(self, pipe: Path) -> None:
        self.ending = False
        if not pipe.exists():
            os.mkfifo(pipe, 0o600)
        # For writing too: without any writer the pipe would count as readable for ever.
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        # SIGCHLD is ignored by default, and would wake nothing; SIGHUP would end the supervisor with its terminal.
        for number in (*ENDING, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        # Signals arrive as bytes: a signal just before ``select`` still ends it.
        signal.set_wakeup_fd(self._outer.fileno(), warn_on_full_buffer=False)

    def wait(self, seconds: float | None) -> None:
        """Return after ``seconds``, or at once when an event came, also before the call."""
        handles = (self._pipe, self._inner.fileno())
        select.select(handles, (), (), seconds)
        for handle in handles:
            with contextlib.suppress(BlockingIOError):
                while os.read(handle, 4096):
                    pass

    def wake(self, *_: object) -> None:
        """End the wait, from any thread of this process."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._outer.send(b"\0")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.ending = self.ending or number in ENDING


def wake_supervisor(pipe: Path) -> None:
    """Wake the supervisor that waits at ``pipe``; do nothing where none does."""
    try:
        handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    with contextlib.suppress(BlockingIOError):
        os.write(handle, b"\0")
    os.close(handle)
