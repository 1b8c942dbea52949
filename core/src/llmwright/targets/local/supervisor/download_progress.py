"""The progress of a process that brings weights, read from the end of the file that it appends to."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from llmwright.api.status import Download
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright.targets.download_event import download_of
from llmwright.targets.local.store.private_files import open_private

TAIL_BYTES = 4 * 1024


def read_download(path: Path) -> Download | None:
    """Return what the last whole line tells, None where there is none."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            # The last part is empty, or a line that the process is still writing.
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return None
    try:
        return download_of(read_json(lines[-1]))
    except (Unreadable, LookupError, TypeError, AttributeError, ValidationError):
        return None
