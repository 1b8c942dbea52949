"""Locks on files, held by a process and freed by the kernel when it ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType


class FileLock:
    """An exclusive ``flock``; children of the holder inherit it only where it is handed to them.

    ``handle`` is that of a lock that was inherited so: it is held from the start.
    """

    def __init__(self, path: Path, handle: int | None = None) -> None:
        self._path = path
        self._handle = handle
        if handle is not None:
            os.set_inheritable(handle, False)

    @property
    def handle(self) -> int | None:
        """The open file, None where the lock is not held."""
        return self._handle

    def open(self) -> None:
        """Get hold of the file, so that ``take`` means this very one even after its folder is removed.

        Raises:
            OSError: there is no such folder.
        """
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, wait_s: float | None = 0.0, step_s: float = 0.02) -> bool:
        """Whether the lock is held now; waits ``wait_s`` seconds for it, for ever where that is None."""
        if self._handle is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self.open()
        until = None if wait_s is None else time.monotonic() + wait_s
        while not self._try(block=until is None):
            if until is not None and time.monotonic() >= until:
                self.free()
                return False
            time.sleep(step_s)
        return True

    def free(self) -> None:
        """Let go; nothing happens where it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        self.take(wait_s=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.free()

    def _try(self, *, block: bool) -> bool:
        assert self._handle is not None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at ``path`` now."""
    if not path.exists():
        return False
    lock = FileLock(path)
    if lock.take():
        lock.free()
        return False
    return True
