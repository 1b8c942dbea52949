"""What ends a supervisor's wait: a signal, a word from another process, a probe's answer."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from pathlib import Path
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)


class Wakeups:
    """Waits without spinning. Only one per process, made in its main thread.

    ``pipe`` is a named pipe that others write a byte to; a pipe has no address that a stranger could inherit, as a
    pid has.
    """

    def __init__(self, pipe: Path) -> None:
        self.ending = False
        if not pipe.exists():
            os.mkfifo(pipe, 0o600)
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        for number in (*ENDING, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, self._handle)
        signal.set_wakeup_fd(self._outer.fileno(), warn_on_full_buffer=False)

    def wait(self, seconds: float | None) -> None:
        """Return after ``seconds`` or as soon as something happened, also if that was before the call."""
        handles = (self._pipe, self._inner.fileno())
        select.select(handles, (), (), seconds)
        for handle in handles:
            with contextlib.suppress(BlockingIOError):
                while os.read(handle, 4096):
                    pass

    def wake(self, *_: object) -> None:
        """End the wait; from any thread of this process."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._outer.send(b"\0")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.ending = self.ending or number in ENDING


def wake(pipe: Path) -> None:
    """Wake the supervisor that waits at ``pipe``, if there is one."""
    try:
        handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    with contextlib.suppress(BlockingIOError):
        os.write(handle, b"\0")
    os.close(handle)
