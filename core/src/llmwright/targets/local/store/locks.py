"""Locks on files. A process holds one; the kernel releases it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from llmwright.targets.local.store.json_records import disk_error
from llmwright.targets.local.store.private_files import make_folders, open_in_place, open_private


class FileLock:
    """An exclusive ``flock``. A child process inherits it only where it is given the handle.

    ``handle`` is the open file of an inherited lock, which is held from the start.
    """

    def __init__(self, path: Path, handle: int | None = None) -> None:
        self._path = path
        self._handle = handle
        if handle is not None:
            # A server started later would keep the supervisor's lock after the supervisor's own end.
            os.set_inheritable(handle, False)

    @property
    def handle(self) -> int | None:
        """The open file, None where there is none."""
        return self._handle

    @property
    def is_current(self) -> bool:
        """Whether the open file is still the one at the lock's path, so that others can see the lock."""
        try:
            return self._handle is not None and os.path.samestat(os.fstat(self._handle), os.lstat(self._path))
        except OSError:
            return False

    def open(self) -> None:
        """Open the file, so that ``acquire`` means this file even after its folder is removed.

        Raises:
            TargetError: the disk refuses, or there is no such folder.
        """
        if self._handle is not None:
            return
        try:
            self._handle = open_in_place(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise disk_error(self._path, error) from error

    def acquire(self, *, wait_s: float | None = 0.0, step_s: float = 0.02) -> bool:
        """Try for ``wait_s`` seconds, for ever where that is None; return whether the lock is held now.

        Raises:
            TargetError: the disk refuses.
        """
        if self._handle is None:
            self._make_folder()
            self.open()
        until = None if wait_s is None else time.monotonic() + wait_s
        while not self._try(block=until is None):
            if until is not None and time.monotonic() >= until:
                self.release()
                return False
            time.sleep(step_s)
        return True

    def release(self) -> None:
        """Release the lock and close its file; do nothing where there is none."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        self.acquire(wait_s=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _make_folder(self) -> None:
        try:
            make_folders(self._path.parent)
        except OSError as error:
            raise disk_error(self._path, error) from error

    def _try(self, *, block: bool) -> bool:
        assert self._handle is not None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_locked(path: Path) -> bool:
    """Return whether some process holds the lock at ``path`` now; writes nothing."""
    try:
        handle = open_private(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared: two processes that ask at once do not take each other for a holder.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
