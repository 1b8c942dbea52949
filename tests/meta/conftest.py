"""Where things lie in this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = "karpenter_client"
TEMPLATES = "templates"
"""The folder of plugins that `llmwright plugins new` writes: a stranger's code, which rules for ours do not concern."""


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def projects(root: Path) -> list[Path]:
    """The folders of all distributions of this repository."""
    return [
        root / "core",
        root / "presets",
        *sorted(path.parent for path in (root / "plugins").glob("*/pyproject.toml")),
    ]


@pytest.fixture(scope="session")
def sources(projects: list[Path]) -> list[Path]:
    """Every Python file that is shipped and was written, not generated."""
    files = (file for project in projects for file in (project / "src").rglob("*.py"))
    return sorted(file for file in files if {GENERATED, TEMPLATES}.isdisjoint(file.parts))


@pytest.fixture(scope="session")
def tests(root: Path, projects: list[Path]) -> list[Path]:
    """Every Python file of tests, and the contracts, which are tests too."""
    folders = [root / "tests", *(project / "tests" for project in projects), root / "core/src/llmwright/testing"]
    return sorted(file for folder in folders for file in folder.rglob("*.py"))
