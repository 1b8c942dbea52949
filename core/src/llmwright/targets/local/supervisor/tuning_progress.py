"""A tuning's progress, read from the end of the file that the tuner appends to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmwright.api.status import Progress
from llmwright.reading.json_reader import read_json
from llmwright.targets.local.store.private_files import open_private

FILE = "progress.jsonl"
TAIL_BYTES = 8 * 1024
CLOCKS_DIFFER_S = 2.0
"""A process's start is reckoned from the start of the machine, in whole seconds, and a file's time is not."""


def read_progress(results: Path, since: float | None = None) -> Progress | None:
    """Return the last whole ``step`` event of ``progress.jsonl``, None where there is none.

    Nor is there one where nothing was written after ``since``, in seconds since the epoch: an output directory may hold
    the file of an earlier Workspace.
    """
    try:
        with os.fdopen(open_private(results / FILE, os.O_RDONLY), "rb") as file:
            if since is not None and os.fstat(file.fileno()).st_mtime < since - CLOCKS_DIFFER_S:
                return None
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            # The last part is empty, or a line that the tuner is still writing.
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return None
    steps = (_parse_step(line) for line in reversed(lines))
    return next((step for step in steps if step is not None), None)


def _parse_step(line: bytes) -> Progress | None:
    try:
        event: Any = read_json(line)
        return Progress.model_validate(_progress_fields(event)) if event["event"] == "step" else None
    except (ValueError, KeyError, TypeError, ValidationError):
        return None


def _progress_fields(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name in Progress.model_fields}
