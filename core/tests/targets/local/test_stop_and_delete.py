"""Stopping and deleting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from core.tests.targets.local.support.launches import failing, make_workspace, python, serving, tuning
from core.tests.targets.local.support.machine import PATIENCE_S, Machine
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.errors import TargetError
from llmwright.targets.local import LocalOptions, LocalTarget, stop_and_delete
from llmwright.values.launch import Launch


def test_stopping_keeps_the_work_and_applying_goes_on(machine: Machine) -> None:
    plan = make_plan(tuning=tuning(), serving=serving("tuned"))
    machine.target.apply(make_workspace(tuned=True), plan)
    machine.wait("Ready")
    machine.target.stop("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []
    assert machine.target.repair() == ()
    stopped = machine.status().condition("InferenceReady")
    assert stopped is not None
    assert stopped.status == "False"
    assert machine.target.apply(make_workspace(tuned=True), plan) == "configured"
    machine.wait("Ready")
    assert (machine.results() / "starts").read_text() == "0\n"


@pytest.mark.parametrize("moment", ["preflight", "tuning", "serving", "failed"])
def test_deleting_at_any_moment_leaves_nothing(machine: Machine, moment: str) -> None:
    slow = Launch(main=python("check", "import time; time.sleep(600)"))
    roles: dict[str, Any] = {
        "preflight": {"preflight": slow, "tuning": tuning()},
        "tuning": {"tuning": tuning(steps=1000, pause=0.1)},
        "serving": {"serving": serving()},
        "failed": {"tuning": failing("import sys; sys.exit(2)")},
    }[moment]
    machine.target.apply(make_workspace(tuned=moment != "serving"), make_plan(**roles))
    if moment == "failed":
        machine.wait_until_failed()
    else:
        wait_until(machine.processes, "something runs")
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []
    wait_until(lambda: not machine.supervisors(), "the supervisor ended")
    assert list(machine.target.list()) == []
    assert [path for path in machine.root.rglob("*") if path.is_file()] == [machine.root / "locks/default/demo"]


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(machine: Machine) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    machine.options = LocalOptions(tick_s=0.05, grace_s=0.2)
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(stubborn)))
    wait_until(lambda: "deaf" in list(machine.target.logs("default", "demo")), "it runs")
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []


def test_a_deletion_that_takes_long_tells_what_it_waits_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_and_delete, "PROGRESS_S", 0.0)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    machine.options = LocalOptions(tick_s=0.05, grace_s=600)
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(stubborn)))
    wait_until(lambda: "deaf" in list(machine.target.logs("default", "demo")), "it runs")
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        if "processes" in line:
            for process in machine.processes():
                process.kill()

    machine.target.delete("default", "demo", timeout_s=PATIENCE_S, tell=tell)
    assert "default/demo: waits until its processes end" in lines
    assert len(lines) == len({*lines}), "each is told once"


def test_deleting_without_a_workspace_is_an_error(machine: Machine) -> None:
    with pytest.raises(TargetError, match="'nothing' is not there") as caught:
        machine.target.delete("default", "nothing")
    assert caught.value.reason == "NotFound"


def test_damaged_state_can_be_deleted(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    folder = tmp_path / "workspaces/default/demo"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text("{")
    for call in (lambda: target.get("default", "demo"), lambda: list(target.list())):
        with pytest.raises(TargetError, match="cannot be read"):
            call()
    target.delete("default", "demo")
    assert not folder.exists()
