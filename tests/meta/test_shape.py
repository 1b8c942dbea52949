"""How long files and functions may be, what is documented, and what must not be named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE_LINES, TEST_LINES, FUNCTION_LINES = 400, 600, 60
"""Limits, not aims: a source file past 300 lines or a function past 40 wants a reason already."""

NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(files: list[Path]) -> Iterator[tuple[Path, Function]]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, Function):
                yield file, node


def lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def test_no_file_is_too_long(sources: list[Path], tests: list[Path]) -> None:
    assert {file.name: lines(file) for file in sources if lines(file) > SOURCE_LINES} == {}
    assert {file.name: lines(file) for file in tests if lines(file) > TEST_LINES} == {}


def test_no_function_is_too_long(sources: list[Path]) -> None:
    long = {f"{file.name}:{node.name}": size(node) for file, node in functions(sources) if size(node) > FUNCTION_LINES}
    assert long == {}


def test_most_functions_are_short(sources: list[Path]) -> None:
    sizes = sorted(size(node) for _, node in functions(sources))
    assert sizes[len(sizes) // 2] <= 12
    assert sizes[len(sizes) * 9 // 10] <= 35


def size(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_every_module_says_what_it_is(sources: list[Path]) -> None:
    assert [str(file) for file in sources if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_public_functions_and_classes_are_documented(sources: list[Path]) -> None:
    silent = [
        f"{file.name}:{node.name}"
        for file in sources
        for node in ast.parse(file.read_text()).body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        if "overload" not in [ast.unparse(decorator) for decorator in node.decorator_list]
    ]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing(sources: list[Path]) -> None:
    assert [str(file) for file in sources if {*file.with_suffix("").parts[-2:]} & NO_NAMES] == []


def test_nothing_is_left_undone(sources: list[Path]) -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "XX" + "X")
    assert [str(file) for file in sources for mark in marks if mark in file.read_text()] == []


def test_the_reference_material_is_named_in_tests_alone(sources: list[Path], root: Path) -> None:
    files = [*sources, *root.glob("*.md"), *(root / "docs").glob("*.md")]
    assert [str(file) for file in files if "../shared" in file.read_text()] == []
