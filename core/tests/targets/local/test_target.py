"""A Workspace of this machine from apply to an answering endpoint."""

from __future__ import annotations

import threading

from core.tests.targets.local.support.launches import make_workspace, python, serving, tuning
from core.tests.targets.local.support.machine import Machine, get_text
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.values.launch import Launch


def test_a_tuning_ends_in_a_server_with_its_result(machine: Machine) -> None:
    checks = Launch(main=python("check", "print('data is in order')"))
    plan = make_plan(preflight=checks, tuning=tuning(), serving=serving("tuned"))
    assert machine.target.apply(make_workspace(tuned=True), plan) == "created"
    status = machine.wait("Ready")
    assert status.state == "Succeeded"
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "tuned"
    assert status.output == "registry/adapter:1"
    assert status.progress is not None
    assert (status.progress.step, status.progress.steps) == (3, 3)
    lines = list(machine.target.logs("default", "demo"))
    assert lines == ["data is in order", f"delivered {machine.results()}", "serving"]
    assert list(machine.target.logs("default", "demo", stage="tuning.deliver")) == [f"delivered {machine.results()}"]
    assert len(machine.supervisors()) == 1


def test_two_applies_at_once_are_one_after_the_other(machine: Machine) -> None:
    plan = make_plan(serving=serving())
    changes: list[str] = []
    threads = [
        threading.Thread(target=lambda: changes.append(machine.target.apply(make_workspace(), plan))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changes) == ["created", "unchanged", "unchanged", "unchanged"]
    machine.wait("Ready")
    wait_until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")
    assert len(machine.processes()) == 1
