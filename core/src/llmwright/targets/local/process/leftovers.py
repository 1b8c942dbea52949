"""Processes that a lost supervisor left running: identify them for certain, then end them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.supervisor_record import RoleRun, SupervisorRecord

CLOCK_SLACK_S = 2.0
"""How far two readings of one process's start may lie apart when the clock is set in between."""


def boot_id() -> str:
    """Return what identifies this start of the machine; pids of another start mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def find_leftovers(
    record: SupervisorRecord | None, mark: str, supervisor: tuple[str, ...] = ()
) -> list[psutil.Process]:
    """Return the running processes of the Workspace that ``mark`` identifies.

    These are the processes with the mark in their environment, other supervisors than this process, where their
    arguments are given, and, where the machine was not restarted, the recorded processes with their groups. A process
    that merely has a recorded pid, but another start, is not among them.
    """
    processes = {process.pid: process for process in _marked(mark, supervisor)}
    if record is not None and record.boot == boot_id():
        for run in record.runs:
            processes |= {process.pid: process for process in _group_of(run)}
    processes.pop(os.getpid(), None)
    return list(processes.values())


def end_leftovers(
    record: SupervisorRecord | None, mark: str, supervisor: tuple[str, ...] = (), rounds: int = 20
) -> None:
    """Kill the processes of the Workspace and wait until they are gone; hold the supervisor's lock.

    A supervisor that runs without that lock has lost its file, and would start processes again.
    """
    # In rounds: a process may start another between being listed and being killed.
    for _ in range(rounds):
        leftovers = [process for process in find_leftovers(record, mark, supervisor) if not _is_dead(process)]
        if not leftovers:
            return
        _kill_and_wait(leftovers)
        time.sleep(0.01)


def _kill_and_wait(processes: list[psutil.Process], wait_s: float = 5.0) -> None:
    for process in processes:
        _kill(process)
    _, alive = psutil.wait_procs(processes, timeout=wait_s)
    for process in alive:
        _kill(process)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return


def _marked(mark: str, supervisor: tuple[str, ...]) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark or (supervisor and _arguments(process) == supervisor):
                yield process
        except (psutil.Error, OSError):
            continue


def _group_of(run: RoleRun) -> Iterable[psutil.Process]:
    # A group outlives its leader, and the kernel gives its number to no other process before the group ends.
    if run.pid is None or run.created is None or _is_another(run.pid, run.created):
        return
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == run.pid and process.create_time() >= run.created - CLOCK_SLACK_S:
                yield process
        except (psutil.Error, OSError):
            continue


def _arguments(process: psutil.Process) -> tuple[str, ...]:
    """Return the arguments of ``process`` as far as the state directory of a supervisor."""
    return tuple(process.cmdline()[1:8])


def _is_another(pid: int, created: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) > CLOCK_SLACK_S
    except psutil.NoSuchProcess:
        return False


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
