"""The places where settings may be written. No pydantic here: its import would slow down every short command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmwright.reading.files import is_file

FILE_NAME = "llmwright.yaml"
PREFIX = "LLMWRIGHT_"
FILE_VARIABLE = "LLMWRIGHT_SETTINGS"


def settings_file(environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the settings file where no flag names one: from the variable, else in ``cwd``, else the user's own."""
    named = environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_config_path

    candidates = (cwd / FILE_NAME, user_config_path("llmwright", appauthor=False) / FILE_NAME)
    return next((candidate for candidate in candidates if is_file(candidate)), None)


def anything_written(flags: Mapping[str, Any], file: str | Path | None = None) -> bool:
    """Whether some place may hold a setting. Where it is False, all settings have their defaults."""
    named = file is not None or any(value is not None for value in flags.values())
    return named or any(name.startswith(PREFIX) for name in os.environ) or bool(settings_file(os.environ, Path.cwd()))
