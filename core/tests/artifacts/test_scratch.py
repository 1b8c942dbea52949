"""What a killed run leaves behind is cleared by the next; what is in use is not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from llmwright.artifacts.scratch import scratch_directory, scratch_file

KINDS = [scratch_file, scratch_directory]
Scratch = Callable[[Path, str], AbstractContextManager[Any]]


@pytest.mark.parametrize("scratch", KINDS)
def test_what_a_killed_process_left_is_cleared(tmp_path: Path, scratch: Scratch) -> None:
    script = (
        "import os, pathlib, sys; from llmwright.artifacts import scratch\n"
        f"with scratch.{scratch.__name__}(pathlib.Path(sys.argv[1]), '.x-'): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    (tmp_path / "other").write_text("")
    with scratch(tmp_path, ".x-"):
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize("scratch", KINDS)
def test_what_is_in_use_stays(tmp_path: Path, scratch: Scratch) -> None:
    with scratch(tmp_path, ".x-"):
        used = set(tmp_path.iterdir())
        with scratch(tmp_path, ".x-"):
            assert used < set(tmp_path.iterdir())
        assert set(tmp_path.iterdir()) == used


def test_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.mkdir()
    (tmp_path / ".x-link").symlink_to(target)
    with contextlib.ExitStack() as held:
        held.enter_context(scratch_directory(tmp_path, ".x-"))
    assert target.is_dir()
