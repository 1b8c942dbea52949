"""Files of users and other programs: their bytes and their text, within bounds.

A directory, a pipe that nobody writes to, a loop of links, a name that no file can have: each is ``Unreadable``, whose
text is a clause that follows the file's name.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_BYTES = 1_572_864
"""The largest request that etcd takes by default."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unreadable(ValueError):
    """A file or text that cannot be read; the message is a clause such as ``is a directory``. Callers catch it."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the content of the file ``path``, of at most ``most`` bytes.

    Pipes and devices are read below ``/dev`` and ``/proc`` alone, where a shell puts them (``-f <(command)``).

    Raises:
        FileNotFoundError: nothing is there.
        Unreadable: anything else that prevents it.
    """
    try:
        # Not blocking: the opening of a pipe that nobody writes to would wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(_clause(error)) from error
    try:
        return _read(handle, path, most)
    except OSError as error:
        raise Unreadable(_clause(error)) from error
    finally:
        os.close(handle)


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of the file ``path``, with ``\\n`` at the end of each line; raises as ``read_bytes``."""
    return decoded(read_bytes(path, most)).replace("\r\n", "\n").replace("\r", "\n")


def decoded(content: bytes) -> str:
    """Return ``content`` as text: UTF-8, or what its byte-order mark says.

    Raises:
        Unreadable: it is neither.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text (byte {error.start + 1})") from None


def is_file(path: Path) -> bool:
    """Whether a file is there; False for a name that no file can have, and where looking is forbidden."""
    return stat.S_ISREG(_mode(path))


def is_directory(path: Path) -> bool:
    """Whether a directory is there; False as for ``is_file``."""
    return stat.S_ISDIR(_mode(path))


def is_there(path: Path) -> bool:
    """Whether anything is there; False as for ``is_file``."""
    return _mode(path) != 0


def user_path(text: str | Path) -> Path:
    """Return the path that a user wrote, with its ``~`` replaced by the home directory.

    Raises:
        Unreadable: no file can have the name, or there is no such home directory.
    """
    if "\0" in str(text):
        raise Unreadable("holds the character NUL, which no file's name can")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Unreadable("begins with ~, and there is no such home directory") from None


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _read(handle: int, path: Path, most: int) -> bytes:
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode) or path.parts[:2] not in (("/", "dev"), ("/", "proc")):
            raise Unreadable(f"is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file")
        os.set_blocking(handle, True)
    with os.fdopen(handle, "rb", closefd=False) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Unreadable(f"is larger than {most:,} bytes")
    return content


def _clause(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return "is no name that a file can have"
