"""All that rich prints goes through one console, which reads no markup in what a user wrote."""

from __future__ import annotations

import ast
from pathlib import Path

DOOR = "console.py"
MARKUP = ("Console", "TextColumn", "from_markup", "render_markup")


def calls(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {ast.unparse(function).rpartition(".")[2] for function in called}


def test_one_file_opens_consoles(root: Path) -> None:
    folder = root / "core/src/llmwright"
    assert [file.name for file in sorted(folder.rglob("*.py")) if calls(file) & {*MARKUP}] == [DOOR]


def test_no_text_holds_markup(root: Path) -> None:
    """A table's title and a tag in a string are the two ways by which markup would come back."""
    files = sorted((root / "core/src/llmwright/cli").rglob("*.py"))
    tags = ("[bold]", "[dim]", "[red]", "[green]", "[/")
    assert [file.name for file in files if any(tag in file.read_text() for tag in tags) and file.name != DOOR] == []
