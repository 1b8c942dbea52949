"""How several processes share a run: what starts once runs in one process, and the longest begin first."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.scheduling import APART, FIRST, TOGETHER, group_of, rank_of

ROOT = Path(__file__).parents[2]
STARTED_ONCE = """\
import pytest

@pytest.fixture(scope="session")
def started():
    with open("starts", "a") as file:
        file.write("once\\n")
"""
TESTS = """\
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, started):
    with open("order", "a") as file:
        file.write(f"{__file__.rsplit('/', 1)[1]} {number}\\n")
"""


def names_of(file: Path, kind: type[ast.AST], attribute: str) -> set[str]:
    """Return the names of all nodes of a kind in a file."""
    return {str(getattr(node, attribute)) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kind)}


@pytest.mark.parametrize("place", sorted({*sum(TOGETHER, ()), *APART, *FIRST}))
def test_each_place_is_there(place: str, root: Path) -> None:
    assert (root / place).is_dir() if place.endswith("/") else (root / place).is_file()


def test_the_quick_start_is_run_by_one_process(root: Path) -> None:
    users = {
        str(file.relative_to(root))
        for file in (root / "tests/e2e").glob("test_*.py")
        if names_of(file, ast.arg, "arg") & {"quickstart", "served"} - names_of(file, ast.FunctionDef, "name")
    }
    assert users == {*TOGETHER[1]}


def test_a_group_is_a_folder_a_file_or_a_test() -> None:
    assert group_of("tests/cluster/test_a.py::test_x") == group_of("tests/cluster/test_b.py::TestY::test_z")
    assert group_of("core/tests/test_a.py::test_x") == group_of("core/tests/test_a.py::TestY::test_z[a::b]")
    assert group_of(f"{APART[0]}::test_x[1]") != group_of(f"{APART[0]}::test_x[2]")


def test_the_longest_come_first() -> None:
    tests = ["core/tests/api/test_a.py", "tests/e2e/test_crashes.py", "tests/e2e/test_verbs.py", "tests/cluster/b.py"]
    assert sorted(tests, key=rank_of) == [*tests[:0:-1], tests[0]]


def test_two_processes_start_once_what_a_group_shares(tmp_path: Path) -> None:
    folder = tmp_path / "tests/cluster"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text(STARTED_ONCE)
    for name in ("test_a.py", "test_b.py"):
        (folder / name).write_text(TESTS)
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.scheduling", "-p", "no:cacheprovider", "-n", "2"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "starts").read_text() == "once\n"
    assert (tmp_path / "order").read_text().split("\n") == [
        *(f"{name} {number}" for name in ("test_a.py", "test_b.py") for number in range(4)),
        "",
    ]
