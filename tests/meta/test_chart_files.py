"""The files of the chart that follow from the code are those that the code makes now."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.support.chart_files import ROOT, files

FILES = files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_as_the_code_makes_it(path: Path) -> None:
    """Where it differs: ``make chart``."""
    assert path.read_text(encoding="utf-8") == FILES[path]
