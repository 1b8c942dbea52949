"""Processes that a lost supervisor left, and strangers that only look like them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from core.tests.targets.local.support.launches import serving

from llmwright.targets.local.launch.run_transitions import after_start, new_run
from llmwright.targets.local.process.child import MARK, spawn
from llmwright.targets.local.process.leftovers import boot_id, end_leftovers, find_leftovers
from llmwright.targets.local.store.supervisor_record import SupervisorRecord


def recorded(pid: int, created: float, boot: str) -> SupervisorRecord:
    """A record of one running process."""
    now = datetime.now(UTC)
    run = new_run("serving", serving(), "digest", "1", now)
    return SupervisorRecord(boot=boot, runs=(after_start(run, pid, created, now),))


def test_a_process_that_only_has_a_recorded_pid_is_never_killed(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        created = psutil.Process(other.pid).create_time()
        mark = str(tmp_path)
        assert find_leftovers(recorded(other.pid, created - 3600, boot_id()), mark) == []
        assert find_leftovers(recorded(other.pid, created, "another boot"), mark) == []
        leftovers = find_leftovers(recorded(other.pid, created, boot_id()), mark)
        assert [process.pid for process in leftovers] == [other.pid]
    finally:
        other.kill()
        other.wait()


def test_grandchildren_are_leftovers_after_their_parents_are_gone(tmp_path: Path) -> None:
    """A process that left its group is identified by its mark, one without its mark by its group."""
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
    leftovers = [process for process in find_leftovers(runs, mark) if process.pid != child.pid]
    assert len(leftovers) == 2
    end_leftovers(replace(runs), mark, rounds=3)
    child.popen.wait()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in leftovers)
