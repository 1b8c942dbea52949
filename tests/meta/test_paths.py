"""Every path that the pages for developers name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.documents import FENCE

PAGES = ("CONTRIBUTING.md", "ARCHITECTURE.md", "RELEASING.md", "changelog.d/README.md")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w-]+(?:/[\w.-]+)*/|(?:[\w-]+/)*[\w.-]+\.(?:py|md|toml|yaml|yml|txt|lock)")
MADE = {"htmlcov/", "site/", "dist/", "NAME.py", "core/src/llmwright/cli/NAME.py", "+NAME.KIND.md", "ISSUE.KIND.md"}
"""What a command makes, or what stands for a name."""


@pytest.fixture(scope="module")
def trees(projects: list[Path]) -> list[str]:
    """Every file and folder of the packages, folders with a slash at the end."""
    entries = [entry for project in projects for entry in (project / "src").rglob("*")]
    return [f"{entry}/" if entry.is_dir() else str(entry) for entry in entries]


@pytest.mark.parametrize("page", PAGES)
def test_each_path_is_there(page: str, root: Path, trees: list[str]) -> None:
    """A path begins at the repository's root, or it is the end of one in a package, as ARCHITECTURE.md names rooms."""
    spans = CODE.findall(FENCE.sub("", (root / page).read_text(encoding="utf-8")))
    paths = {word for span in spans for word in span.split() if PATH.fullmatch(word)} - MADE
    assert page != "CONTRIBUTING.md" or len(paths) > 30
    lost = [path for path in paths if not (root / path).exists()]
    assert sorted(path for path in lost if not any(tree.endswith(f"/{path}") for tree in trees)) == []
