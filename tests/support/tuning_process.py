"""The command line of the tuning process, and the progress file that it writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def arguments(
    model: Path, data: Path, output: Path, *more: str, method: str = "qlora", options: dict[str, Any] | None = None
) -> Sequence[str]:
    """The command line of one run."""
    given = ["--method", method, "--model", str(model), "--data", str(data), "--output", str(output), *more]
    return [*given, *(["--options", json.dumps(options)] if options else [])]


def events(path: Path) -> list[dict[str, Any]]:
    """What a progress file tells."""
    return [json.loads(line) for line in path.read_text().splitlines()]
