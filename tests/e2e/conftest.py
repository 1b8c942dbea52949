"""A sandbox for each test, and the quickstart run once for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.support.quickstart import QuickstartRun, run_quickstart
from tests.e2e.support.sandbox import Sandbox
from tests.support.docker_registry import closed_registry, open_registry

__all__ = ["closed_registry", "open_registry"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own; fails the test that leaves a process behind after delete."""
    made = Sandbox(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickstartRun]:
    """``llmwright run quickstart.yaml --exit``, once for all tests."""
    run = run_quickstart(Sandbox(tmp_path_factory.mktemp("quickstart")))
    yield run
    run.sandbox.close()


@pytest.fixture(scope="session")
def served(quickstart: QuickstartRun) -> str:
    """The endpoint of the quickstart's Workspace, applied again after its run had ended."""
    assert quickstart.sandbox.ok("apply", "-f", "quickstart.yaml") == "workspace.kaito.sh/quickstart configured\n"
    return quickstart.sandbox.ready("quickstart")
