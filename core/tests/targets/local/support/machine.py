"""A state directory with a target on it, and what the tests ask of its processes and statuses."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.support.waiting import wait_until

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import ConfigError, TargetError
from llmwright.targets.local import LocalOptions, LocalTarget
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.locks import is_locked

PATIENCE_S = 60.0


def get_text(endpoint: str) -> str:
    """Return the text that the server answers."""
    with urllib.request.urlopen(endpoint, timeout=10) as response:
        return str(response.read().decode())


def condition_of(status: WorkspaceStatus, kind: str) -> tuple[str, str]:
    """Return reason and message of a condition."""
    condition = status.condition(kind)
    assert condition is not None
    return condition.reason, condition.message


@dataclass
class Machine:
    """A LocalTarget in a directory of its own, and its processes."""

    root: Path
    options: LocalOptions = field(
        default_factory=lambda: LocalOptions(tick_s=0.05, backoff_first_s=0.05, backoff_most_s=0.2, grace_s=5.0)
    )

    @property
    def target(self) -> LocalTarget:
        """A target as each command makes it anew."""
        return LocalTarget(self.root, self.options)

    def status(self, name: str = "demo") -> WorkspaceStatus:
        """The status as last written."""
        return self.target.get("default", name).status or WorkspaceStatus()

    def wait(self, condition: str, name: str = "demo") -> WorkspaceStatus:
        """Wait for a condition and give the status."""
        self.target.wait("default", name, condition, PATIENCE_S)
        return self.status(name)

    def supervisors(self) -> list[psutil.Process]:
        """Running supervisors of this directory."""
        return [process for process in _alive() if _is_supervisor(process, self.root)]

    def processes(self) -> list[psutil.Process]:
        """Running processes of Workspaces of this directory."""
        return [process for process in _alive() if _mark(process).startswith(str(self.root))]

    def kill_supervisor(self) -> None:
        """End the one supervisor as a crash does, and wait until it is gone."""
        wait_until(self.supervisors, "a supervisor runs")
        self.kill_supervisors()

    def kill_supervisors(self) -> None:
        """End those that run, if any, and wait until the kernel has freed their locks.

        That is when the last of their threads has ended, a moment after the process has gone from most views.
        """
        for process in self.supervisors():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_locked, self.root.glob("workspaces/*/*/lock"))), "locks are free")

    def results(self, name: str = "demo") -> Path:
        """The results of that Workspace."""
        return self.root / "workspaces" / "default" / name / "volumes" / "results"

    def wait_until_failed(self) -> WorkspaceStatus:
        """Wait until the Workspace has failed, and return its status."""
        with pytest.raises((ConfigError, TargetError)):
            self.wait("Ready")
        return self.status()


def _alive() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                yield process
        except psutil.Error:
            continue


def _mark(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):
        return ""


def _is_supervisor(process: psutil.Process, root: Path) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    return line[:1] == [sys.executable] and "llmwright.targets.local" in line and str(root) in line
