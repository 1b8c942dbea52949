"""Where settings may be written. Imports no pydantic, so that a verb may ask whether there is anything to read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE_NAME = "llmwright.yaml"
PREFIX = "LLMWRIGHT_"
FILE_VARIABLE = "LLMWRIGHT_SETTINGS"


def settings_file(environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The file to read where no flag names one: the variable's, else that of ``cwd``, else the user's."""
    named = environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_config_path

    candidates = (cwd / FILE_NAME, user_config_path("llmwright", appauthor=False) / FILE_NAME)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def anything_written(flags: Mapping[str, Any], file: str | Path | None = None) -> bool:
    """Whether some place may hold a setting; where it is False, all settings are their defaults."""
    given = file is not None or any(value is not None for value in flags.values())
    return given or any(name.startswith(PREFIX) for name in os.environ) or bool(settings_file(os.environ, Path.cwd()))
