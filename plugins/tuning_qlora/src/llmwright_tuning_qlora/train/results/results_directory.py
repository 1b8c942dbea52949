"""The output directory of a run, in upstream's layout.

Files are written in a staging directory and moved into place one by one. ``fine_tuning_completed.txt`` comes last: a
program that waits for it finds all other files complete.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llmwright.reading.json_reader import read_json_file
from llmwright_tuning_qlora.config_sections import CHAT_TEMPLATE, GENERATION_CONFIG
from llmwright_tuning_qlora.train.fsync import fsync
from llmwright_tuning_qlora.train.results.training_record import RECORD

SENTINEL = "fine_tuning_completed.txt"
SENTINEL_FORMAT = "Fine-Tuning completed at %Y-%m-%d-%H-%M-%S"
"""Content of the sentinel, KAITO v0.12 (fine_tuning.py)."""

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class ResultsDirectory:
    """The directory that a run writes to."""

    directory: Path

    @property
    def checkpoints(self) -> Path:
        """The directory of the checkpoints."""
        return self.directory / "checkpoints"

    def is_complete(self, fingerprint: str, *, template: bool) -> bool:
        """Return whether a run with this fingerprint has finished here, and left all that its server reads.

        An early version left no end tokens and no template: its adapter is written again from its last checkpoint.
        ``template``: the run has a chat template of its own.
        """
        serving = (GENERATION_CONFIG, CHAT_TEMPLATE) if template else (GENERATION_CONFIG,)
        files = [self.directory / name for name in (SENTINEL, *ADAPTER_FILES, *serving)]
        if not all(path.is_file() for path in files):
            return False
        try:
            record = read_json_file(self.directory / RECORD)
        except (OSError, ValueError):
            return False
        return isinstance(record, dict) and record.get("fingerprint") == fingerprint

    def reopen(self) -> None:
        """Make the directory, and remove the sentinel and leftovers of an earlier run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # The sentinel of another run must not stand over files that are being replaced.
        (self.directory / SENTINEL).unlink(missing_ok=True)
        # A run without a template of its own writes none: the adapter would be served with that of an earlier run.
        (self.directory / CHAT_TEMPLATE).unlink(missing_ok=True)
        for leftover in self.directory.glob(".adapter-*"):
            shutil.rmtree(leftover)

    def write(self, fill: Callable[[Path], None]) -> None:
        """Call ``fill`` to write files into a staging directory, then move each file into place.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        staging = Path(tempfile.mkdtemp(prefix=".adapter-", dir=self.directory))
        try:
            fill(staging)
            for path in sorted(staging.iterdir()):
                # Sync before the move: after a power cut no file must stand here half-written.
                fsync(path)
                path.chmod(0o644)
                path.replace(self.directory / path.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def finish(self, now: datetime) -> None:
        """Write the sentinel. Call it after ``write``."""
        staged = self.directory / f".{SENTINEL}"
        staged.write_text(now.strftime(SENTINEL_FORMAT))
        fsync(staged)
        staged.replace(self.directory / SENTINEL)
