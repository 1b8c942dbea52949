"""Ray for tests, alone and beside vLLM: that of ``make ray`` and ``make ray-llm``, or of the folder that a variable
names. Without one a test says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "LLMWRIGHT_RAY"
"""Names the folder of an environment with Ray and the packages of this repository."""

ABSENT = f"Ray is not installed: `make ray`, or name its environment in {VARIABLE}"


BESIDE_VLLM = "LLMWRIGHT_RAY_LLM"
"""Names the folder of an environment with Ray Serve LLM, vLLM and the packages of this repository."""

ABSENT_BESIDE_VLLM = f"Ray Serve LLM is not installed: `make ray-llm`, or name its environment in {BESIDE_VLLM}"
PROGRAM = "llmwright-ray-serve"


def ray_environment() -> Path:
    """Return the folder of the environment; skip the test where there is none."""
    return _environment(VARIABLE, ".venv-ray", ABSENT)


def ray_llm_environment() -> Path:
    """Return the folder of the environment with both; skip the test where there is none."""
    return _environment(BESIDE_VLLM, ".venv-ray-llm", ABSENT_BESIDE_VLLM)


def ray_program() -> Path:
    """Return the program that serves; skip the test where there is none."""
    return ray_environment() / "bin" / PROGRAM


def _environment(variable: str, name: str, absent: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT / name))
    if not (folder / "bin" / PROGRAM).exists():
        pytest.skip(absent)
    return folder
