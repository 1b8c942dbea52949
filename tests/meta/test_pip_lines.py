"""How a part of this project is installed is said in one place, which knows where the program itself came from."""

from __future__ import annotations

import ast
import re
from pathlib import Path

WRITTEN = re.compile(r"pip install '|pip install llmwright-")


def test_no_other_file_writes_the_command(root: Path, sources: list[Path]) -> None:
    writing = {str(file.relative_to(root)) for file in sources if any(map(WRITTEN.search, texts(file)))}
    assert writing == set(), "pip_install writes it"


def texts(file: Path) -> list[str]:
    """Return the texts of a module, but for those that stand alone, as docstrings do."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
    return [node.value for node in constants if isinstance(node.value, str)]
