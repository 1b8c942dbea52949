"""Files and folders for the user alone, whatever the umask, and whatever lies at their place by accident."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
WRONG_KIND = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV})
"""Refusals to open what is a directory, a loop of links, a pipe without a reader or a socket."""

MOST_BYTES = 64 * 1024 * 1024


def make_folders(path: Path) -> None:
    """Make the folder ``path`` and those above it that are missing, all with mode 0700.

    Raises:
        OSError: the system refuses.
    """
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        # The umask may have taken even the user's own rights.
        folder.chmod(0o700)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def make_folder_in_place(path: Path) -> None:
    """Make the folder ``path`` for the user alone, where need be in place of what is no folder.

    Raises:
        OSError: the system refuses.
    """
    if os.path.lexists(path) and not path.is_dir():
        discard(path)
    make_folders(path)


def check_owner(folder: Path) -> None:
    """Let nobody else enter ``folder``.

    Raises:
        OSError: another user owns it, or it is a link.
    """
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise OSError(errno.EPERM, "it belongs to another user", str(folder))
    folder.chmod(0o700)


def open_private(path: Path, flags: int) -> int:
    """Open ``path``, made with mode 0600 where ``flags`` say so; never wait for the other end of a pipe.

    Raises:
        OSError: the system refuses.
    """
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.ENODEV, "not a regular file", str(path))
    return handle


def open_in_place(path: Path, flags: int) -> int:
    """Open ``path`` as ``open_private`` does, where need be in place of what is no file.

    Raises:
        OSError: the system refuses.
    """
    try:
        return open_private(path, flags)
    except OSError as error:
        if error.errno not in WRONG_KIND:
            raise
        discard(path)
        return open_private(path, flags)


def read_whole(path: Path) -> bytes:
    """Return the content of a regular file of at most 64 MiB.

    Raises:
        OSError: it is not there, larger, or something else than a file.
    """
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MOST_BYTES // 2**20} MiB", str(path))
    return content


def discard(path: Path) -> None:
    """Remove whatever lies at ``path``, never what a link leads to.

    Raises:
        OSError: the system refuses.
    """
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if is_folder:
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
