"""Ray for tests: that of ``make ray`` or ``LLMWRIGHT_RAY``. Without one a test says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "LLMWRIGHT_RAY"
"""Names the folder of an environment with Ray and the packages of this repository."""

ABSENT = f"Ray is not installed: `make ray`, or name its environment in {VARIABLE}"


def ray_environment() -> Path:
    """Return the folder of the environment; skip the test where there is none."""
    folder = Path(os.environ.get(VARIABLE, ROOT / ".venv-ray"))
    if not (folder / "bin" / "llmwright-ray-serve").exists():
        pytest.skip(ABSENT)
    return folder


def ray_program() -> Path:
    """Return the program that serves; skip the test where there is none."""
    return ray_environment() / "bin" / "llmwright-ray-serve"
