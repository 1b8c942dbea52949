"""Streams that take not every character, or nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.test_bad_input import SERVE

COMMAND = (sys.executable, "-m", "llmwright")


def start(*arguments: str, here: Path, out: int, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    return subprocess.run(
        [*COMMAND, *arguments], stdout=out, stderr=subprocess.PIPE, cwd=here, env=environment, check=False
    )


def test_characters_that_the_encoding_lacks_are_replaced(here: Path) -> None:
    (here / "w.yaml").write_text(SERVE)
    ran = start("plan", "-f", "w.yaml", here=here, out=subprocess.PIPE, encoding="latin-1")
    assert ran.returncode == 0, ran.stderr
    assert b"Plan for default/mine" in ran.stdout
    assert "???" in ran.stdout.decode("latin-1")


@pytest.mark.parametrize("verb", [("presets", "list"), ("plan", "-f", "w.yaml")])
def test_a_full_disk_behind_stdout_is_named(verb: tuple[str, ...], here: Path) -> None:
    (here / "w.yaml").write_text(SERVE)
    with Path("/dev/full").open("wb") as full:
        ran = start(*verb, here=here, out=full.fileno())
    assert ran.returncode == 1
    assert ran.stderr.decode().splitlines() == [
        "error: the output cannot be written: No space left on device",
        "  hint: free some space, or send the output elsewhere",
    ]


def test_a_reader_that_leaves_early_needs_no_message(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = start("presets", "list", here=here, out=writing)
    os.close(writing)
    assert ran.returncode == 141
    assert ran.stderr == b""
