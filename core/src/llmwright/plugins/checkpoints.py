"""Checkpoints of one run of a trainer, in the directory of its results."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

_FOLDER = "checkpoints"
_PART = "part"


class Checkpoints:
    """Keeps the newest checkpoint of the run that ``run`` tells from others; those of others are dropped.

    A checkpoint is a folder, whose name has its step. It is there whole or not at all.
    """

    def __init__(self, results: Path, run: str) -> None:
        self.folder = results / _FOLDER
        self.run = run

    def newest(self) -> tuple[int, Path] | None:
        """Return step and folder of the newest checkpoint; None where there is none."""
        return max(self._own(), default=None)

    def write(self, step: int, save: Callable[[Path], object]) -> None:
        """Have ``save`` write its files into a new folder, and drop the checkpoints before it."""
        part = self.folder / _PART
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save(part)
        # To the disk before the name: a machine that loses power in between has an older checkpoint, not half a one.
        for path in (*(path for path in part.rglob("*") if path.is_file()), part):
            _sync(path)
        new = self.folder / f"{self.run}-{step}"
        part.rename(new)
        # Then the others: a run that is killed in between finds two, and goes on from the newer.
        for path in self.folder.iterdir():
            if path != new:
                shutil.rmtree(path, ignore_errors=True)

    def drop(self) -> None:
        """Remove all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _own(self) -> Iterator[tuple[int, Path]]:
        for path in self.folder.glob(f"{self.run}-*"):
            step = path.name.removeprefix(f"{self.run}-")
            if step.isdecimal():
                yield int(step), path


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
