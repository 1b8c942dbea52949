"""Each change that a user sees is a fragment of the changelog, of a kind that is known."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def test_fragments_are_named_by_kind_and_say_something(root: Path) -> None:
    kinds = [
        kind["directory"] for kind in tomllib.loads((root / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    ]
    pattern = re.compile(rf"(\+[a-z0-9-]+|\d+)\.({'|'.join(kinds)})(\.\d+)?\.md")
    fragments = [file for file in (root / "changelog.d").iterdir() if file.name != "README.md"]
    assert [file.name for file in fragments if not pattern.fullmatch(file.name)] == []
    assert [file.name for file in fragments if not file.read_text(encoding="utf-8").strip().endswith((".", ")"))] == []
