"""Plugins' observers are notified of each status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from core.tests.targets.local.support.launches import make_workspace, serving
from core.tests.targets.local.support.machine import Machine
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

WATCHER = """
import os
from llmwright.plugins.registry import hookimpl

@hookimpl
def status_changed(workspace, old, new):
    with open(os.environ["NOTIFIED"], "a") as file:
        file.write(f"{workspace.name} {old.state if old else None} {new.state}\\n")
"""


def install(folder: Path) -> None:
    """A distribution with one hook plugin."""
    info = folder / "watcher-1.dist-info"
    info.mkdir(parents=True)
    (folder / "watcher.py").write_text(WATCHER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: watcher\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llmwright.hooks.v1]\nwatcher = watcher\n")


def test_observers_are_notified_of_each_status(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site")
    notified = tmp_path / "notified"
    monkeypatch.setenv("NOTIFIED", str(notified))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    wait_until(
        lambda: notified.exists() and notified.read_text().endswith("demo Pending Ready\n"), "the observer was notified"
    )
    assert notified.read_text().startswith("demo None Pending\n")
