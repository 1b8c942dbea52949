"""When a supervisor ends."""

from __future__ import annotations

from core.tests.targets.local.support.launches import make_workspace, serving, tuning
from core.tests.targets.local.support.machine import Machine
from tests.support.plans import make_plan
from tests.support.waiting import wait_until


def test_a_supervisor_with_nothing_left_to_do_ends(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True, onSuccess="release"), make_plan(tuning=tuning(), serving=serving()))
    status = machine.wait("Ready")
    assert status.endpoint is None
    wait_until(lambda: not machine.supervisors(), "the supervisor ended")
    assert machine.target.repair() == ()
    assert (machine.results() / "adapter").read_text() == "weights"


def test_sigterm_ends_the_children_and_the_next_command_goes_on(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=12, pause=0.1)))
    wait_until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    (supervisor,) = machine.supervisors()
    supervisor.terminate()
    wait_until(lambda: not machine.supervisors(), "the supervisor ended")
    assert machine.processes() == []
    assert machine.target.repair() == (("default", "demo"),)
    assert machine.wait("Ready").state == "Succeeded"
    assert len((machine.results() / "starts").read_text().split()) == 2
