"""Options of the hf server for tests that load a model in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from llmwright_runtime_hf.serve.serve_options import ServeOptions


def options_for(model: Path, **changes: Any) -> ServeOptions:
    """Return options that serve ``model`` as ``b`` on the CPU, with ``changes``."""
    options = ServeOptions(model=str(model), served_model_name="b", default_model="b", device="cpu")
    return replace(options, **changes)
