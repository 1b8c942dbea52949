"""Settings: choices that hold for all Workspaces.

A flag wins over the environment (``LLMWRIGHT_…``), which wins over ``llmwright.yaml``, which wins over the default.
Choices for a single Workspace belong into its YAML. A driver's settings are under ``plugins.<name>``, and the driver's
own model validates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmwright.settings.model import Endpoints, Limits, Settings, Sources

__all__ = ["Endpoints", "Limits", "Settings", "Sources", "load"]

_MODELS = frozenset(("Endpoints", "Limits", "Settings", "Sources"))


def load(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    *,
    file: str | Path | None = None,
) -> Settings:
    """Return the settings.

    Args:
        flags: values by YAML path (``limits.nodes``); None stands for a flag that is not set.
        environ: the process's environment where None.
        cwd: the working directory where None.
        file: read instead of looking for ``llmwright.yaml`` in ``cwd`` and then in the user's configuration
            directory; ``LLMWRIGHT_SETTINGS`` does the same.

    Raises:
        ConfigError: all mistakes, each with its file and line, variable or flag.
    """
    from llmwright.settings.layers import load_settings

    return load_settings(flags or {}, environ, cwd or Path.cwd(), Path(file) if file else None)


def __getattr__(name: str) -> Any:
    # pydantic is imported only once a model is asked for: `llmwright --help` must not pay for it.
    if name in _MODELS:
        from llmwright.settings import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
