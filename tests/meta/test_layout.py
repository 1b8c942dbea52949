"""Where tests and what they share lie."""

from __future__ import annotations

import re
from pathlib import Path

FOLDERS = ("core/tests", "presets/tests", "plugins/*/tests", "tests", "benchmarks")
FROM_CONFTEST = re.compile(r"^\s*(from \S*\bconftest import|import \S*\bconftest\b)", re.MULTILINE)


def test_nothing_is_imported_from_a_conftest(root: Path) -> None:
    """Fixtures come by name; builders and records lie in ``tests/support`` or a folder ``support`` beside the tests."""
    files = [path for folder in FOLDERS for place in root.glob(folder) for path in place.rglob("*.py")]
    assert [str(path.relative_to(root)) for path in files if FROM_CONFTEST.search(path.read_text())] == []
