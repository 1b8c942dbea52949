"""Supervisors that are lost: no orphan, no lost work, no port held."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from core.tests.targets.local.conftest import (
    Machine,
    get_text,
    make_plan,
    make_workspace,
    python,
    serving,
    tuning,
    until,
)

from llmwright.targets.local.launch.run_transitions import begin, spawned
from llmwright.targets.local.process.child import MARK, spawn
from llmwright.targets.local.process.leftovers import boot_id, end_all, find_leftovers
from llmwright.targets.local.store.workspace_store import Runs
from llmwright.values.launch import Launch


def test_killed_while_tuning(machine: Machine) -> None:
    machine.target.apply(
        make_workspace(tuned=True), make_plan(tuning=tuning(steps=12, pause=0.1), serving=serving("tuned"))
    )
    until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    machine.kill_supervisor()
    until(lambda: not _trainers(machine), "the trainer ended with its supervisor")
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
    return [found for found in machine.processes() if str(machine.results()) in " ".join(found.cmdline())]


def test_killed_while_serving_comes_back_where_it_was(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    endpoint = machine.wait("Ready").endpoint
    machine.kill_supervisor()
    until(lambda: not machine.processes(), "the server ended with its supervisor")
    machine.target.repair()
    assert machine.wait("Ready").endpoint == endpoint
    assert len(machine.processes()) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment(machine: Machine, seed: int) -> None:
    """However often and whenever: in the end the adapter, one server, one supervisor, no orphan."""
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
    until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")


def test_who_waits_repairs(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=10, pause=0.1)))
    until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    machine.kill_supervisor()
    assert machine.wait("Ready").state == "Succeeded"


def test_killed_while_deleting_is_deleted(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    machine.kill_supervisor()
    machine.target.delete("default", "demo", wait=False)
    # A new one may be done, and have ended, before it is seen.
    until(lambda: machine.supervisors() or not list(machine.target.list()), "a new supervisor runs")
    machine.kill_supervisors()
    machine.target.repair()
    until(lambda: not list(machine.target.list()), "it is deleted")


def test_sigterm_ends_the_children_and_the_next_command_goes_on(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=12, pause=0.1)))
    until(lambda: (machine.results() / "checkpoint").exists(), "a checkpoint is there")
    (supervisor,) = machine.supervisors()
    supervisor.terminate()
    until(lambda: not machine.supervisors(), "the supervisor ended")
    assert machine.processes() == []
    assert machine.target.repair() == (("default", "demo"),)
    assert machine.wait("Ready").state == "Succeeded"
    assert len((machine.results() / "starts").read_text().split()) == 2


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
    until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")
    assert len(machine.processes()) == 1


def recorded(pid: int, created: float, boot: str) -> Runs:
    """A record of one running process."""
    now = datetime.now(UTC)
    run = begin("serving", serving(), "digest", "1", now)
    return Runs(boot=boot, runs=(spawned(run, pid, created, now),))


def test_a_pid_that_is_somebody_elses_is_never_touched(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        created = psutil.Process(other.pid).create_time()
        mark = str(tmp_path)
        assert find_leftovers(recorded(other.pid, created - 3600, boot_id()), mark) == []
        assert find_leftovers(recorded(other.pid, created, "another boot"), mark) == []
        found = find_leftovers(recorded(other.pid, created, boot_id()), mark)
        assert [process.pid for process in found] == [other.pid]
    finally:
        other.kill()
        other.wait()


def test_grandchildren_are_found_after_their_parents_are_gone(tmp_path: Path) -> None:
    """One that left its group is known by its mark, one that hid its mark by its group."""
    code = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep, start_new_session=True)
subprocess.Popen(sleep, env={})
"""
    mark = str(tmp_path)
    child = spawn((sys.executable, "-c", code), {**os.environ, MARK: mark}, tmp_path / "log", tmp_path)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    runs = recorded(child.pid, child.created, boot_id())
    leftovers = [found for found in find_leftovers(runs, mark) if found.pid != child.pid]
    assert len(leftovers) == 2
    end_all(replace(runs), mark, rounds=3)
    child.popen.wait()
    assert not any(found.is_running() and found.status() != psutil.STATUS_ZOMBIE for found in leftovers)
