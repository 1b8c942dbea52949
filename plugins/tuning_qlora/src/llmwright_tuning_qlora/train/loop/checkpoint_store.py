"""Checkpoints that survive a kill at any moment.

A checkpoint is written in a staging directory, described by ``complete.json`` (fingerprint of the run, digest of each
file) and then renamed. What is not described, or not as described, is half-written: skipped and removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAGING = ".writing"
DESCRIPTION = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint."""

    path: Path
    step: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The checkpoints of one run, below ``root``; ``keep`` of them are kept."""

    root: Path
    fingerprint: str
    keep: int = 2

    @property
    def staging(self) -> Path:
        """Where a checkpoint is written before it counts."""
        return self.root / STAGING

    def commit(self, step: int) -> Checkpoint:
        """Make the staged ``checkpoint-<step>`` count, and remove the oldest beyond ``keep``.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        staged, final = self.staging / f"checkpoint-{step}", self.root / f"checkpoint-{step}"
        described = {"fingerprint": self.fingerprint, "step": step, "files": _digests(staged)}
        (staged / DESCRIPTION).write_text(json.dumps(described))
        for path in (*staged.rglob("*"), staged):
            _sync(path)
        if final.exists():
            shutil.rmtree(final)
        staged.rename(final)
        _sync(self.root)
        for old in _numbered(self.root)[: -self.keep]:
            shutil.rmtree(old)
        return Checkpoint(final, step, self.fingerprint)

    def clean(self) -> list[Path]:
        """Remove what is half-written; returns what was removed."""
        broken = [path for path in _numbered(self.root) if _read(path) is None]
        leftovers = [*broken, *([self.staging] if self.staging.exists() else [])]
        for path in leftovers:
            shutil.rmtree(path)
        return broken

    def newest(self) -> Checkpoint | None:
        """The newest complete checkpoint, whichever run it belongs to (compare ``fingerprint``)."""
        complete = [found for path in _numbered(self.root) if (found := _read(path))]
        return complete[-1] if complete else None

    def remove_all(self) -> None:
        """Remove every checkpoint."""
        shutil.rmtree(self.root, ignore_errors=True)


def _numbered(root: Path) -> list[Path]:
    found = [(int(match[1]), path) for path in root.glob("checkpoint-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def _read(path: Path) -> Checkpoint | None:
    try:
        described: dict[str, Any] = json.loads((path / DESCRIPTION).read_text())
        whole = described["files"] == _digests(path)
        return Checkpoint(path, int(described["step"]), str(described["fingerprint"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != DESCRIPTION)
    return {str(path.relative_to(directory)): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class Cadence:
    """When the next checkpoint is due.

    With ``seconds`` that often; without, so that writing costs about two percent of the time: fifty times as long as
    the last one took, at least ``FLOOR`` and at most ``CEILING`` seconds.
    """

    seconds: float | None
    started: float
    cost: float = 0.0

    FLOOR = 5.0
    CEILING = 300.0
    FACTOR = 50.0

    def due(self, now: float) -> bool:
        """Whether to write one at ``now`` (seconds on the clock of ``started``)."""
        if self.seconds is not None:
            return 0 < self.seconds <= now - self.started
        return now - self.started >= min(self.CEILING, max(self.FLOOR, self.FACTOR * self.cost))

    def written(self, began: float, ended: float) -> None:
        """Note that one was written between ``began`` and ``ended``."""
        self.cost = ended - began
        self.started = ended
