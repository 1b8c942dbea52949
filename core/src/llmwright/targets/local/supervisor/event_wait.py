"""The supervisor's wait, and what ends it: a signal, another process through a named pipe, a probe's end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import stat
from pathlib import Path
from types import FrameType

from llmwright.targets.local.store.private_files import discard

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT)


class EventWait:
    """Waits without polling. Make only one per process, in its main thread.

    Other processes write a byte to the named pipe at ``pipe``. A signal would need a pid, which may be a stranger's by
    the time it is sent.
    """

    def __init__(self, pipe: Path) -> None:
        self.ending = False
        self._pipe = _open_pipe(pipe)
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
        handles = [self._inner.fileno()]
        if self._pipe is not None:
            handles.append(self._pipe)
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
    with contextlib.suppress(OSError):
        if stat.S_ISFIFO(os.fstat(handle).st_mode):
            os.write(handle, b"\0")
    os.close(handle)


def _open_pipe(path: Path) -> int | None:
    """Return the open pipe, made anew where something else lies there; None where the disk refuses one."""
    try:
        # A file in its place would count as readable for ever, and the wait would never wait.
        if not os.path.lexists(path) or not stat.S_ISFIFO(os.lstat(path).st_mode):
            discard(path)
            os.mkfifo(path, 0o600)
        # For writing too: without any writer the pipe would count as readable for ever.
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        log.warning("no command can wake this supervisor, which looks by itself now and then: %s", error)
        return None
