"""SECURITY.md: each promise names the tests that hold it, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<promise>.+) \| (?P<tests>[^|]*) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/.-]+\.py)((?:::\w+)+)`")


def promises() -> dict[str, str]:
    """The promises of all tables, each with the cell that names its tests."""
    rows = {row["promise"]: row["tests"] for row in ROW.finditer((ROOT / "SECURITY.md").read_text(encoding="utf-8"))}
    return {promise: tests for promise, tests in rows.items() if promise != "promise"}


def defined(path: Path) -> set[str]:
    """Names of the tests of a file, those of a class as ``::Class::test``."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, functions):
            names.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            names |= {f"::{node.name}::{inner.name}" for inner in node.body if isinstance(inner, functions)}
    return names


def test_there_are_promises() -> None:
    assert len(promises()) >= 20


@pytest.mark.parametrize("promise", sorted(promises()))
def test_each_promise_is_held_by_tests_that_exist(promise: str) -> None:
    cell = promises()[promise]
    tests = TEST.findall(cell)
    assert tests, "name the tests that hold it"
    assert TEST.sub("", cell).strip() == "", "the cell holds names of tests only"
    lost = [f"{path}{name}" for path, name in tests if not (ROOT / path).is_file() or name not in defined(ROOT / path)]
    assert lost == []


def test_nothing_is_promised_outside_the_tables() -> None:
    """Between the first heading and the list of what is not promised stand tables, headings and one introduction."""
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    part = page.partition("## What LLMwright promises")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines()[1:] if line and not line.startswith(("|", "### "))]
    assert len(lines) == 1
