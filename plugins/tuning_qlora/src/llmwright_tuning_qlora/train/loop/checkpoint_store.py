"""Checkpoints that survive a kill at any moment.

A checkpoint is written to a staging directory, gets a manifest (``complete.json``: fingerprint of the run, digest of
each file), and is then renamed. A directory without a manifest, or with other files than in it, was cut off while
it was written: it is skipped and removed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmwright.reading.json_reader import read_json_file
from llmwright_tuning_qlora.train.fsync import fsync

STAGING = ".writing"
MANIFEST = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint."""

    path: Path
    step: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The checkpoints of one run, below ``root``; the newest ``keep`` stay."""

    root: Path
    fingerprint: str
    keep: int = 2

    @property
    def staging(self) -> Path:
        """The directory in which a checkpoint is written before ``commit``."""
        return self.root / STAGING

    def commit(self, step: int) -> Checkpoint:
        """Put the staged ``checkpoint-<step>`` in place, and remove the oldest beyond ``keep``.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        staged, final = self.staging / f"checkpoint-{step}", self.root / f"checkpoint-{step}"
        manifest = {"fingerprint": self.fingerprint, "step": step, "files": _digests(staged)}
        (staged / MANIFEST).write_text(json.dumps(manifest))
        # Sync first, rename after: after a power cut the name must not stand over files whose content is lost.
        for path in (*staged.rglob("*"), staged):
            fsync(path)
        if final.exists():
            shutil.rmtree(final)
        staged.rename(final)
        fsync(self.root)
        # Remove old ones last: a kill before the rename must find at least one complete checkpoint.
        for old in _numbered(self.root)[: -self.keep]:
            shutil.rmtree(old)
        return Checkpoint(final, step, self.fingerprint)

    def remove_incomplete(self) -> list[Path]:
        """Remove what a kill left half-written. Returns the incomplete checkpoints."""
        broken = [path for path in _numbered(self.root) if _read(path) is None]
        leftovers = [*broken, *([self.staging] if self.staging.exists() else [])]
        for path in leftovers:
            shutil.rmtree(path)
        return broken

    def newest(self) -> Checkpoint | None:
        """Return the newest complete checkpoint, perhaps of another run: compare its ``fingerprint``."""
        complete = [checkpoint for path in _numbered(self.root) if (checkpoint := _read(path))]
        return complete[-1] if complete else None

    def remove_all(self) -> None:
        """Remove every checkpoint."""
        shutil.rmtree(self.root, ignore_errors=True)


def _numbered(root: Path) -> list[Path]:
    steps = [(int(match[1]), path) for path in root.glob("checkpoint-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(steps)]


def _read(path: Path) -> Checkpoint | None:
    try:
        manifest: dict[str, Any] = read_json_file(path / MANIFEST)
        whole = manifest["files"] == _digests(path)
        return Checkpoint(path, int(manifest["step"]), str(manifest["fingerprint"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(directory)): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
