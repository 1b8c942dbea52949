"""Supervisors that are lost: no orphan, no lost work, no port held."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import psutil
import pytest
from core.tests.targets.local.support.launches import make_workspace, python, serving, tuning
from core.tests.targets.local.support.machine import Machine, get_text
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.values.launch import Launch


def test_killed_while_tuning(machine: Machine) -> None:
    machine.target.apply(
        make_workspace(tuned=True), make_plan(tuning=tuning(steps=12, pause=0.1), serving=serving("tuned"))
    )
    wait_until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    machine.kill_supervisor()
    wait_until(lambda: not _trainers(machine), "the trainer ended with its supervisor")
    assert machine.target.repair() == (("default", "demo"),)
    status = machine.wait("Ready")
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "tuned"
    starts = (machine.results() / "starts").read_text().split()
    assert len(starts) == 2
    assert int(starts[1]) > 0
    assert len(machine.processes()) == 1
    assert len(machine.supervisors()) == 1


def _trainers(machine: Machine) -> list[psutil.Process]:
    """Processes that write results; the helper they started may live until the repair."""
    return [process for process in machine.processes() if str(machine.results()) in " ".join(process.cmdline())]


def test_killed_while_serving_comes_back_where_it_was(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    endpoint = machine.wait("Ready").endpoint
    machine.kill_supervisor()
    wait_until(lambda: not machine.processes(), "the server ended with its supervisor")
    machine.target.repair()
    assert machine.wait("Ready").endpoint == endpoint
    assert len(machine.processes()) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment(machine: Machine, seed: int) -> None:
    """Whenever it is killed: in the end there are the adapter, one server, one supervisor and no orphan."""
    chance = random.Random(seed)
    checks = Launch(main=python("check", "print('in order')"))
    plan = make_plan(preflight=checks, tuning=tuning(steps=20, pause=0.05), serving=serving("tuned"))
    machine.target.apply(make_workspace(tuned=True), plan)
    for _ in range(3):
        time.sleep(chance.random() * 1.5)
        machine.kill_supervisors()
        machine.target.repair()
    status = machine.wait("Ready")
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "tuned"
    assert (machine.results() / "adapter").read_text() == "weights"
    starts = [int(line) for line in (machine.results() / "starts").read_text().split()]
    assert starts == sorted(starts)
    assert len(machine.processes()) == 1
    wait_until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")


def test_a_command_that_waits_repairs(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=10, pause=0.1)))
    wait_until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    machine.kill_supervisor()
    assert machine.wait("Ready").state == "Succeeded"


def test_killed_while_deleting_is_deleted(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    machine.kill_supervisor()
    machine.target.delete("default", "demo", wait=False)
    # A new one may be done, and have ended, before it is seen.
    wait_until(lambda: machine.supervisors() or not list(machine.target.list()), "a new supervisor runs")
    machine.kill_supervisors()
    machine.target.repair()
    wait_until(lambda: not list(machine.target.list()), "it is deleted")


def test_repairs_at_once_end_in_one_supervisor(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    machine.kill_supervisor()
    code = (
        "import pathlib, sys; from llmwright.targets.local import LocalTarget; "
        "LocalTarget(pathlib.Path(sys.argv[1])).repair()"
    )
    commands = [subprocess.Popen([sys.executable, "-c", code, str(machine.root)]) for _ in range(2)]
    assert [command.wait() for command in commands] == [0, 0]
    machine.wait("Ready")
    wait_until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")
    assert len(machine.processes()) == 1
