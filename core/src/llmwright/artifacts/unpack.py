"""Extract ``data/`` from image layers, and trust nothing in them.

Absolute paths, ``..``, links, sparse and special files under ``data/`` are refused, and more bytes or entries than the
limits. The decompressed stream is counted, so that skipped entries count too. Owners, times and modes of the archive
are not used. Entries outside ``data/`` (a base image's root) are skipped. Later layers replace files of earlier layers
and delete them by whiteouts, as the OCI image specification says.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from llmwright.artifacts.artifact_errors import bad_image, disk_errors, too_large

MOST_ENTRIES = 1_000_000
DATA = "data"

_GZIPPED = ("tar+gzip", "tar.gzip")
_LARGEST_READ = 1 << 20
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class Allowance:
    """The decompressed bytes and entries that an image may still have, over all its layers."""

    def __init__(self, max_bytes: int, entries: int = MOST_ENTRIES) -> None:
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes
        self._entries_left = entries

    def take_bytes(self, count: int, what: str) -> None:
        """Count bytes. Raises ConfigError (TooLarge)."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise too_large(f"{what}, unpacked,", self._max_bytes)

    def take_entry(self, what: str) -> None:
        """Count an entry. Raises ConfigError (BadImage)."""
        self._entries_left -= 1
        if self._entries_left < 0:
            raise bad_image(what, "it has more files than are unpacked here")


class _Counted:
    """A decompressed stream that counts its bytes, and refuses reads that are large enough to fill the memory."""

    def __init__(self, stream: IO[bytes], allowance: Allowance, what: str) -> None:
        self._stream = stream
        self._allowance = allowance
        self._what = what

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise bad_image(self._what, "a header in its archive is too large")
        try:
            block = self._stream.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise bad_image(self._what, f"a layer is damaged ({error})") from error
        self._allowance.take_bytes(len(block), self._what)
        return block

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int) -> int:
        while (left := position - self._stream.tell()) > 0:
            if not self.read(min(left, _LARGEST_READ)):
                break
        return self._stream.tell()


def unpack_layer(layer: Path, media_type: str, folder: Path, allowance: Allowance, what: str) -> None:
    """Add the ``data/`` of one layer (tar or tar+gzip) to ``folder``, which is ``data/`` itself.

    A layer of no bytes is an empty one, as Docker takes it.

    Raises ConfigError (BadImage, TooLarge) and, where the disk is full, TargetError (NoDiskSpace).
    """
    if not layer.stat().st_size:
        return
    with _damage_errors(what), layer.open("rb") as raw, _decompressed(raw, media_type, what) as stream:
        counted = _Counted(stream, allowance, what)
        with tarfile.open(fileobj=counted, mode="r:") as archive:  # type: ignore[call-overload]
            for member in archive:
                allowance.take_entry(what)
                _add(archive, member, folder, what)
                archive.members.clear()  # else a list of all entries grows in memory


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, what: str) -> None:
    parts = _parts(member.name, what)
    if not parts or parts[0] != DATA:
        return
    name = PurePosixPath(*parts)
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise bad_image(what, f"{str(name)!r} is a link, sparse or special file, which is not unpacked")
    target = folder.joinpath(*parts[1:])
    with disk_errors(folder):
        if name.name.startswith(_WHITEOUT):
            _white_out(target, what)
        elif member.isdir():
            _make_room(target, for_directory=True)
            target.mkdir(parents=True, exist_ok=True)
        else:
            _write(archive, member, target, folder, what)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, folder: Path, what: str) -> None:
    if target == folder:
        raise bad_image(what, f"/{DATA} is a file and not a directory")
    _make_room(target, for_directory=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is None:
        raise bad_image(what, f"{member.name!r} cannot be read")
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 16)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _parts(name: str, what: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise bad_image(what, f"the path {name[:200]!r} leads out of the image")
    return path.parts


def _make_room(target: Path, *, for_directory: bool) -> None:
    if target.is_dir() and not for_directory:
        shutil.rmtree(target)
    elif target.exists() and not target.is_dir():
        target.unlink()


def _white_out(mark: Path, what: str) -> None:
    if mark.name == _OPAQUE:
        shutil.rmtree(mark.parent, ignore_errors=True)
        mark.parent.mkdir(parents=True, exist_ok=True)
        return
    hidden = mark.name.removeprefix(_WHITEOUT)
    if hidden in ("", ".", ".."):
        raise bad_image(what, f"the whiteout {mark.name!r} names nothing")
    _make_room(mark.with_name(hidden), for_directory=False)


def can_unpack(media_type: str) -> bool:
    """Whether layers of the type are tar or tar+gzip."""
    return media_type.endswith((*_GZIPPED, ".tar"))


@contextlib.contextmanager
def _decompressed(raw: IO[bytes], media_type: str, what: str) -> Iterator[IO[bytes]]:
    if media_type.endswith(_GZIPPED):
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream  # type: ignore[misc]
    elif media_type.endswith(".tar"):
        yield raw
    else:
        raise bad_image(what, f"layers of type {media_type[:100]!r} cannot be unpacked; use tar+gzip")


@contextlib.contextmanager
def _damage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise bad_image(what, f"a layer is damaged ({error})") from error
