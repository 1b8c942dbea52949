"""Hooks that are told of each status, called by the supervisor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from core.tests.targets.local.conftest import Machine, make_plan, make_workspace, serving, until

WATCHER = """
import os
from llmwright.plugins.registry import hookimpl

@hookimpl
def status_changed(workspace, old, new):
    with open(os.environ["TOLD"], "a") as file:
        file.write(f"{workspace.name} {old.state if old else None} {new.state}\\n")
"""


def install(folder: Path) -> None:
    """A distribution with one hook plugin."""
    info = folder / "watcher-1.dist-info"
    info.mkdir(parents=True)
    (folder / "watcher.py").write_text(WATCHER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: watcher\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llmwright.hooks.v1]\nwatcher = watcher\n")


def test_observers_are_told_of_each_status(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site")
    told = tmp_path / "told"
    monkeypatch.setenv("TOLD", str(told))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    until(lambda: told.exists() and told.read_text().endswith("demo Pending Ready\n"), "the observer was told")
    assert told.read_text().startswith("demo None Pending\n")
