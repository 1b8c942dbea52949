"""What a lost supervisor left running: found for certain, then ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from llmwright.targets.local.launch.run_transitions import Run
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.workspace_store import Runs

CLOCK_SLACK_S = 2.0
"""How far two readings of one process's start may lie apart when the clock is set meanwhile."""


def boot_id() -> str:
    """Names this start of the machine: pids of another one mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def find_leftovers(runs: Runs | None, mark: str) -> list[psutil.Process]:
    """Processes that belong to the Workspace of ``mark``.

    By the mark in their environment; and, where the machine was not started anew, by the pid and start time of what
    is recorded and the groups these lead. A process that merely has a recorded pid is not among them.
    """
    found = {process.pid: process for process in _marked(mark)}
    if runs is not None and runs.boot == boot_id():
        for run in runs.runs:
            found |= {process.pid: process for process in _group(run)}
    found.pop(os.getpid(), None)
    return list(found.values())


def end_leftovers(processes: Iterable[psutil.Process], wait_s: float = 5.0) -> None:
    """Kill them and wait until they are gone."""
    doomed = list(processes)
    for process in doomed:
        _quietly_kill(process)
    _, alive = psutil.wait_procs(doomed, timeout=wait_s)
    for process in alive:
        _quietly_kill(process)


def end_all(runs: Runs | None, mark: str, rounds: int = 20) -> None:
    """Find and end until nothing is left: what is being killed may still start something."""
    for _ in range(rounds):
        leftovers = [process for process in find_leftovers(runs, mark) if not _is_dead(process)]
        if not leftovers:
            return
        end_leftovers(leftovers)
        time.sleep(0.01)


def _marked(mark: str) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                yield process
        except (psutil.Error, OSError):
            continue


def _group(run: Run) -> Iterable[psutil.Process]:
    """The recorded leader and its group; a group outlives its leader, and keeps its number from others till it ends."""
    if run.pid is None or run.created is None or _is_somebody_else(run.pid, run.created):
        return
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == run.pid and process.create_time() >= run.created - CLOCK_SLACK_S:
                yield process
        except (psutil.Error, OSError):
            continue


def _is_somebody_else(pid: int, created: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) > CLOCK_SLACK_S
    except psutil.NoSuchProcess:
        return False


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _quietly_kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
