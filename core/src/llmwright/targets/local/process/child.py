"""Child processes: started in a group of their own, ended with everything they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "LLMWRIGHT_WORKSPACE"
"""In the environment of every process of a Workspace: by it leftovers are known even after their parents are gone."""

GUARD = Path(__file__).with_name("end_with_parent.py")


@dataclass(frozen=True, slots=True)
class Child:
    """A running process, leader of its own group and session."""

    popen: subprocess.Popen[bytes]
    created: float

    @property
    def pid(self) -> int:
        """The process's and the group's number."""
        return self.popen.pid

    def ended(self) -> int | None:
        """The exit code once the process ended, by then with its whole group; negative for a signal.

        The group is killed before the leader is reaped: until then the kernel gives its number to nobody else.
        """
        if self.popen.returncode is not None:
            return self.popen.returncode
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            return None
        self.signal(signal.SIGKILL)
        return self.popen.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` to the whole group."""
        if self.popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


def spawn(argv: tuple[str, ...], env: Mapping[str, str], log: Path, directory: Path) -> Child:
    """Start ``argv`` so that it ends with this process; both its outputs are appended to ``log``.

    To be called from the main thread: on Linux the child ends with the thread that started it.

    Raises:
        OSError: the system is out of processes, or ``log`` cannot be opened.
    """
    command = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *argv]
    with log.open("ab") as output:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=directory,
            start_new_session=True,
        )
    return Child(popen, psutil.Process(popen.pid).create_time())
