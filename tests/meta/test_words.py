"""Plain words, as far as a test can hold them: how docstrings begin, and names that say nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    file
    for folder in ("core/src", "plugins/*/src", "presets/src", "presets/demo_model", "examples/plugins")
    for file in ROOT.glob(f"{folder}/**/*.py")
    if "karpenter_client" not in file.parts and "build" not in file.parts
)
BEGINNINGS = ("What ", "Whatever ", "One that ", "Those that ", "Whoever ")
NAMES = frozenset(
    [
        "additions",
        "announce",
        "arrangement",
        "common",
        "comparing",
        "crew",
        "currency",
        "draft",
        "guard",
        "helpers",
        "holding",
        "judging",
        "manager",
        "misc",
        "place",
        "telling",
        "util",
        "utils",
        "wanting",
        "words",
        "yielding",
    ]
)
"""No word here tells a stranger what the module holds."""


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, also of those below a constant or a field."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement in node.body:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_docstrings_name_the_thing(file: Path) -> None:
    assert [(line, text[:60]) for line, text in docstrings(file) if text.startswith(BEGINNINGS)] == []


def test_no_module_has_a_name_that_tells_nothing() -> None:
    assert [name(file) for file in SOURCES if {file.stem, file.parent.name} & NAMES] == []
