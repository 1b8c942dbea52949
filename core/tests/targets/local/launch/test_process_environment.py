"""Environments of processes: where their programs are found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from llmwright.targets.local.launch.process_environment import environment_of
from llmwright.values.launch import Process

OWN = str(Path(sys.executable).parent)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/bin:/bin", f"{OWN}:/usr/bin:/bin"),
        (f"/usr/bin:{OWN}", f"/usr/bin:{OWN}"),
        (None, f"{OWN}:{os.defpath}"),
    ],
)
def test_programs_beside_this_python_are_found(path: str | None, expected: str) -> None:
    """``pip install`` puts an engine's program there, and the environment need not be activated for it."""
    environ = {} if path is None else {"PATH": path}
    assert environment_of(Process(name="serve", argv=("engine",)), "mark", environ, ())["PATH"] == expected
