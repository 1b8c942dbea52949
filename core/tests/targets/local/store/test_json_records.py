"""Files that cannot be written or read."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from core.tests.targets.local.support.launches import make_workspace, serving
from core.tests.targets.local.support.machine import Machine, get_text
from tests.support.plans import make_plan

from llmwright.errors import TargetError
from llmwright.targets.local import LocalTarget


def test_a_full_disk_is_an_error_and_changes_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving("kept")))
    machine.wait("Ready")

    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(TargetError, match="no space left") as caught:
            machine.target.apply(make_workspace(), make_plan(inputs="2", serving=serving("lost")))
    assert caught.value.reason == "DiskFull"
    assert list((machine.root / "workspaces/default/demo").glob(".*")) == []
    endpoint = machine.wait("Ready").endpoint
    assert endpoint is not None
    assert get_text(endpoint) == "kept"


def test_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    folder = tmp_path / "workspaces/default/demo"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text(json.dumps({"version": 99, "body": {}}))
    for call in (lambda: target.get("default", "demo"), lambda: target.delete("default", "demo")):
        with pytest.raises(TargetError, match="newer LLMwright") as caught:
            call()
        assert caught.value.reason == "StateTooNew"
    assert target.repair() == ()
