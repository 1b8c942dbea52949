"""Temporary files and directories. After a killed run, the next run in the same directory deletes them.

They are beside their destination, because the rename at the end must stay on one file system; so no system cleaner
finds them. The process that uses one holds a lock on it (flock). One without a lock is left over from a killed run.
Where a file system has no locks, nothing is deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def scratch_file(directory: Path, prefix: str) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield an empty file in ``directory``; it is deleted at the end unless it was renamed. Raises OSError."""
    with _sole(directory):
        _sweep(directory, prefix)
        handle, name = tempfile.mkstemp(prefix=prefix, dir=directory)
        _lock(handle)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_directory(directory: Path, prefix: str) -> Iterator[Path]:
    """Yield an empty directory in ``directory``; it is deleted at the end. Raises OSError."""
    with contextlib.ExitStack() as held:
        with _sole(directory):
            _sweep(directory, prefix)
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=directory))
            held.callback(shutil.rmtree, path, ignore_errors=True)
            _lock(held.enter_context(_opened(path)))
        yield path


@contextlib.contextmanager
def _sole(directory: Path) -> Iterator[None]:
    """One process at a time: another must not sweep between the creation of a file and its lock."""
    with _opened(directory) as handle:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(directory: Path, prefix: str) -> None:
    for path in directory.glob(f"{prefix}*"):
        with contextlib.suppress(OSError), _opened(path) as handle:
            if _lock(handle):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
