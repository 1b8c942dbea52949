"""Where a pull puts an image together before it moves it: a hidden directory inside the destination.

It lies there to be on the same file system, also where that is a mounted volume. One that lasts notes how far it came,
so that a later pull of the same image goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from llmwright.artifacts.artifact_errors import disk_errors
from llmwright.artifacts.image_manifest import Image
from llmwright.artifacts.scratch import scratch_directory
from llmwright.artifacts.unpack import DATA
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.json_reader import read_json_file

LASTING = ".pulling"

_NOTE = "progress.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SPOILT = frozenset({"BadImage", "DigestMismatch", "TooLarge", "UnsafeWeights", "NoModel"})
"""Errors after which what came is of no use to another attempt."""


class PullRoom:
    """The directory ``path``: ``data`` grows in it, the ``layers`` first layers of the image are in that already."""

    def __init__(self, path: Path, *, lasting: bool) -> None:
        self.path = path
        self.data = path / DATA
        self.layers = 0
        self.moving = False
        self._lasting = lasting
        self._digest = ""
        self._moves = list[str]()

    def begin(self, image: Image) -> None:
        """Go on where an earlier pull of ``image`` ended; what an earlier one of another image left is removed."""
        self._digest = image.digest
        if not self._lasting:
            return
        note = _read(self.path / _NOTE)
        # After a restart of the machine nobody knows what of the last writes reached the disk.
        if note.get("image") != image.digest or note.get("boot") != _boot():
            with disk_errors(self.path):
                if note.get("image") != image.digest:
                    self._remove_moved(note.get("moves"))
                _empty(self.path)
            self._write_note()
            return
        layers = note.get("layers")
        self.layers = min(layers, len(image.layers)) if isinstance(layers, int) and layers > 0 else 0
        self.moving = note.get("moving") is True
        self._moves = _names(note.get("moves"))

    def part_path(self, digest: str) -> Path:
        """Return the path of a blob that is being fetched."""
        return self.path / f"{digest.removeprefix('sha256:')}.part"

    def part_bytes(self) -> int:
        """Return how many bytes of blobs are there, which need not be fetched again."""
        with contextlib.suppress(OSError):
            return sum(path.stat().st_size for path in self.path.glob("*.part"))
        return 0

    def part(self, digest: str) -> IO[bytes]:
        """Open the blob, with what is there of it, for reading and writing."""
        handle = os.open(self.part_path(digest), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        return os.fdopen(handle, "r+b")

    def finish_layer(self, digest: str) -> None:
        """Count the layer as unpacked, and drop its blob."""
        self.layers += 1
        # The note before the blob goes: killed between the two, the layer counts as done and is not fetched again.
        self._write_note()
        with disk_errors(self.path):
            self.part_path(digest).unlink(missing_ok=True)

    def move_to(self, destination: Path) -> None:
        """Move the entries of ``data``, each in place of one of the same name."""
        self.moving = True
        self._moves = sorted({*self._moves, *(entry.name for entry in self.data.glob("*"))})
        # Before the first rename: killed among them, the next pull moves the rest and misses nothing.
        self._write_note()
        with disk_errors(destination):
            for entry in sorted(self.data.iterdir()) if self.data.is_dir() else ():
                target = destination / entry.name
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                entry.replace(target)

    def _remove_moved(self, moves: object) -> None:
        """Remove what a pull of another image had moved when it was killed: nothing else tells of those entries."""
        for name in _names(moves):
            entry = self.path.parent / name
            if not os.path.lexists(self.data / name):
                _remove(entry)

    def _write_note(self) -> None:
        if not self._lasting:
            return
        note: dict[str, Any] = {"image": self._digest, "boot": _boot(), "layers": self.layers, "moving": self.moving}
        note["moves"] = self._moves
        with disk_errors(self.path):
            written = self.path / f"{_NOTE}.new"
            written.write_text(json.dumps(note))
            # By a rename: half a note would read as none, and all would be fetched again.
            written.replace(self.path / _NOTE)


@contextlib.contextmanager
def passing_room(destination: Path) -> Iterator[PullRoom]:
    """Yield a room that goes at the end."""
    with contextlib.ExitStack() as held:
        with disk_errors(destination):
            destination.mkdir(parents=True, exist_ok=True)
            path = held.enter_context(scratch_directory(destination, ".pull-"))
        yield PullRoom(path, lasting=False)


@contextlib.contextmanager
def lasting_room(destination: Path) -> Iterator[PullRoom]:
    """Yield a room that goes when the pull is done or what came is spoilt, and stays after all other errors.

    One process at a time has it; others wait, and then find what the first has pulled.
    """
    path = destination / LASTING
    with contextlib.ExitStack() as held:
        with disk_errors(destination):
            destination.mkdir(parents=True, exist_ok=True)
            handle = os.open(destination, os.O_RDONLY)
            held.callback(os.close, handle)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            path.mkdir(exist_ok=True)
        try:
            yield PullRoom(path, lasting=True)
        except BaseException as error:
            if isinstance(error, ConfigError) and error.reason in _SPOILT:
                shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.rmdir()  # where nothing has come yet
            raise
        shutil.rmtree(path, ignore_errors=True)


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _names(value: object) -> list[str]:
    """Return the names of entries in a note; none for anything that leads elsewhere."""
    names = value if isinstance(value, list) else []
    return [name for name in names if isinstance(name, str) and name not in ("", "..") and Path(name).name == name]


def _boot() -> str:
    with contextlib.suppress(OSError, Unreadable):
        return read_text(_BOOT_ID).strip()
    return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        note = read_json_file(path)
    except (OSError, Unreadable):
        return {}
    return note if isinstance(note, dict) else {}
