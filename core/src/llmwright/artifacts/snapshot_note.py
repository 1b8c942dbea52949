"""The note beside a model in the hub's cache: which files it has, and whether all are there and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any, NamedTuple

from llmwright.artifacts.artifact_errors import disk_errors
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.json_reader import read_json_file

_LONGEST_REFERENCE = 1024
_NO_NAME = re.compile(r"[^\w.]+", re.ASCII)


class SnapshotFile(NamedTuple):
    """A file of a model: its path, its size in bytes, and its digest (``sha256:`` or git's, as ``sha1:``)."""

    name: str
    size: int
    digest: str

    @property
    def is_large(self) -> bool:
        """Whether it lies in the hub's store of large files, by its sha256."""
        return self.digest.startswith("sha256:")


@dataclass(slots=True)
class SnapshotNote:
    """The files of the commit ``commit`` in ``folder``, the model's folder of the cache.

    ``trusted`` are the names of those that were there before, or that were compared with their digests. ``selection``
    is the pattern of the weights among them, empty for those that a loader reads: each has a note of its own.
    """

    folder: Path
    commit: str
    files: tuple[SnapshotFile, ...]
    trusted: set[str]
    _lock: Lock
    selection: str = ""

    @property
    def directory(self) -> Path:
        """The directory with the files by their names."""
        return self.folder / "snapshots" / self.commit

    @property
    def whole(self) -> bool:
        """Whether every file is there and trusted."""
        return not self.missing_or_unverified()

    def missing_or_unverified(self) -> list[SnapshotFile]:
        """Return the files that have to be fetched or compared."""
        return [file for file in self.files if file.name not in self.trusted or not self.is_there(file)]

    def missing_bytes(self) -> int:
        """Return the number of bytes to fetch, less those of files that were cut short."""
        needed = sum(file.size for file in self.files if not self.is_there(file))
        return max(needed - part_bytes(self.folder), 0)

    def present_bytes(self) -> int:
        """Return the number of bytes that are there."""
        return sum(file.size for file in self.files if self.is_there(file)) + part_bytes(self.folder)

    @classmethod
    def read(cls, folder: Path, revision: str, selection: str = "") -> SnapshotNote | None:
        """Return the note of the commit that ``revision`` meant when it was last asked for; None without one."""
        commit = revision
        with suppress(OSError, Unreadable):
            commit = read_text(folder / "refs" / revision, _LONGEST_REFERENCE).strip() or revision
        try:
            note = read_json_file(folder / _name(commit, selection))
            files = tuple(SnapshotFile(str(name), int(size), str(digest)) for name, size, digest in note["files"])
            return cls(folder, commit, files, {str(name) for name in note["trusted"]}, Lock(), selection)
        except (OSError, Unreadable, LookupError, TypeError, ValueError):
            return None

    @classmethod
    def begin(
        cls, folder: Path, revision: str, commit: str, files: Sequence[SnapshotFile], selection: str = ""
    ) -> SnapshotNote:
        """Return the note of ``files``, written before the first of them is fetched.

        Files that are there without a note came by the hub's library from elsewhere, and are trusted.
        """
        before = cls.read(folder, commit, selection)
        note = cls(folder, commit, tuple(files), before.trusted if before else set(), Lock(), selection)
        if before is None:
            note.trusted |= {file.name for file in files if note.is_there(file)}
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        note._write()
        if revision != commit:
            reference = folder / "refs" / revision
            with disk_errors(reference):
                reference.parent.mkdir(parents=True, exist_ok=True)
                reference.write_text(commit)
        return note

    def verified(self, file: SnapshotFile) -> None:
        """Note that the file was compared with its digest."""
        with self._lock:
            self.trusted.add(file.name)
            self._write()

    def is_there(self, file: SnapshotFile) -> bool:
        """Return whether the file lies at its place, with its size."""
        path = self.directory / file.name
        return path.is_file() and (not file.size or path.stat().st_size == file.size)

    def _write(self) -> None:
        content: dict[str, Any] = {"files": self.files, "trusted": sorted(self.trusted)}
        with disk_errors(self.folder):
            # Under a name of its own: replicas share a cache, and each would rename away what another has written.
            name = _name(self.commit, self.selection)
            written = self.folder / f".{name}.{token_hex(8)}"
            written.write_text(json.dumps(content))
            # By a rename: half a note would read as none, and files that are not compared yet as trusted.
            written.replace(self.folder / name)


def part_bytes(folder: Path) -> int:
    """Return the bytes of files that are being fetched, or were cut short."""
    total = 0
    for path in (folder / "blobs").glob("*.incomplete"):
        try:
            total += path.stat().st_size
        except OSError:  # it was renamed meanwhile
            continue
    return total


def _name(commit: str, selection: str) -> str:
    kind = f"-{_NO_NAME.sub('-', selection)}" if selection else ""
    return f"llmwright-{commit.replace('/', '--')}{kind}.json"
