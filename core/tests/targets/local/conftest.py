"""A machine with a state directory of its own, whose every process is gone at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from core.tests.targets.local.support.machine import PATIENCE_S, Machine
from tests.support.waiting import wait_until


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own; fails the test that leaves a process behind after delete."""
    made = Machine(tmp_path / "state")
    yield made
    for workspace in list(made.target.list()):
        made.target.delete(workspace.namespace, workspace.name, timeout_s=PATIENCE_S)
    wait_until(lambda: not made.supervisors(), "all supervisors are gone")
    assert made.processes() == []
