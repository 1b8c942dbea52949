"""What a finished run leaves behind, in upstream's layout.

Files are written in a directory of their own and moved into place one by one; ``fine_tuning_completed.txt`` comes last,
so whoever waits for it finds all the others whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

SENTINEL = "fine_tuning_completed.txt"
SENTINEL_FORMAT = "Fine-Tuning completed at %Y-%m-%d-%H-%M-%S"
"""Content of the sentinel, KAITO v0.12 (fine_tuning.py)."""

RECORD = "training.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Results:
    """The directory that a run writes to."""

    directory: Path

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.directory / "checkpoints"

    def complete(self, fingerprint: str) -> bool:
        """Whether a run with this fingerprint has finished here."""
        needed = [self.directory / name for name in (SENTINEL, *ADAPTER_FILES)]
        if not all(path.is_file() for path in needed):
            return False
        try:
            record = json.loads((self.directory / RECORD).read_text())
        except (OSError, ValueError):
            return False
        return isinstance(record, dict) and record.get("fingerprint") == fingerprint

    def reopen(self) -> None:
        """Make ready for a run: the directory there, and no sentinel of an earlier one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / SENTINEL).unlink(missing_ok=True)
        for leftover in self.directory.glob(".adapter-*"):
            shutil.rmtree(leftover)

    def write(self, fill: Callable[[Path], None]) -> None:
        """Let ``fill`` write files into a new directory, then move each into place.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        staging = Path(tempfile.mkdtemp(prefix=".adapter-", dir=self.directory))
        try:
            fill(staging)
            for path in sorted(staging.iterdir()):
                _sync(path)
                path.chmod(0o644)
                path.replace(self.directory / path.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def finish(self, now: datetime) -> None:
        """Write the sentinel."""
        staged = self.directory / f".{SENTINEL}"
        staged.write_text(now.strftime(SENTINEL_FORMAT))
        _sync(staged)
        staged.replace(self.directory / SENTINEL)


def model_card(record: Mapping[str, Any]) -> str:
    """README.md of the adapter, with the header that model hubs read."""
    base = record["base_model"]
    return f"""---
base_model: {json.dumps(base)}
library_name: peft
pipeline_tag: text-generation
tags: [lora, {record["method"]}, llmwright]
---

# Adapter for {base}

Made by LLMwright with {record["method"]} in {record["steps"]} steps on {record["rows"]} rows; final loss
{record["final_loss"]:.4f}. `training.json` beside this file holds the whole configuration and the digest of the data,
`loss.png` the loss curve.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({json.dumps(base)}), "PATH_OF_THIS_DIRECTORY")
```
"""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
