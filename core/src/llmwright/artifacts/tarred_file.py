"""One file as a layer of an image: an uncompressed tar, made while it is read, so that no copy of it lies on the disk.

Weights do not compress. The bytes hold no time, user or machine, so that equal files have equal digests everywhere.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from llmwright.artifacts.unpack import DATA

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_READ_BYTES = 4 * 1024**2


class TarredFile(io.RawIOBase):
    """The tar of ``data/NAME`` with the content of ``path``, as a file that is read. Raises OSError."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__()
        self._file: IO[bytes] = path.open("rb", buffering=0)
        self._length = os.fstat(self._file.fileno()).st_size
        self._head = _head(name, self._length)
        self._tail = bytes(-self._length % _BLOCK) + _END
        self._position = 0

    @property
    def size(self) -> int:
        """The number of bytes of the tar."""
        return len(self._head) + self._length + len(self._tail)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position from the start."""
        if whence != os.SEEK_SET:
            raise OSError("only positions from the start")
        self._position = offset
        return offset

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the next bytes into ``buffer``, and return their number."""
        block = self._next(len(buffer))
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            self._file.close()
        super().close()

    def _next(self, most: int) -> bytes:
        within = self._position - len(self._head)
        if within < 0:
            return self._head[self._position : self._position + most]
        if within < self._length:
            self._file.seek(within)
            block = self._file.read(min(most, self._length - within))
            if not block:
                raise OSError("the file became shorter while it was read")
            return block
        return self._tail[within - self._length :][:most]


def digest_of(path: Path, name: str, progress: Callable[[int], None]) -> tuple[str, int]:
    """Return the digest and the size of the tar. ``progress`` gets the bytes of it that were read. Raises OSError."""
    hashed, done = hashlib.sha256(), 0
    with TarredFile(path, name) as tar:
        while block := tar.read(_READ_BYTES):
            hashed.update(block)
            done += len(block)
            progress(done)
        return f"sha256:{hashed.hexdigest()}", tar.size


def tar_bytes(path: Path, name: str) -> int:
    """Return the size of the tar. Raises OSError."""
    with TarredFile(path, name) as tar:
        return tar.size


def _head(name: str, length: int) -> bytes:
    """Return the headers of all directories on the way, and of the file."""
    parts = (DATA, *name.split("/"))
    headers = []
    for depth in range(1, len(parts)):
        folder = tarfile.TarInfo("/".join(parts[:depth]))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        headers.append(folder)
    entry = tarfile.TarInfo("/".join(parts))
    entry.size, entry.mode = length, 0o644
    return b"".join(header.tobuf(tarfile.GNU_FORMAT) for header in (*headers, entry))
