"""Child processes, each in a process group of its own that ends as a whole."""

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

from llmwright.targets.local.store.private_files import open_in_place

MARK = "LLMWRIGHT_WORKSPACE"
"""In the environment of each process of a Workspace: it identifies leftovers even after their parents are gone."""

END_WITH_PARENT = Path(__file__).with_name("end_with_parent.py")


@dataclass(frozen=True, slots=True)
class Child:
    """A process that leads its own group and session. ``created`` is its start in seconds since the epoch."""

    popen: subprocess.Popen[bytes]
    created: float

    @property
    def pid(self) -> int:
        """The number of the process and of its group."""
        return self.popen.pid

    def exit_code(self) -> int | None:
        """Return the exit code once the process and its whole group ended; negative for a signal, None before."""
        if self.popen.returncode is not None:
            return self.popen.returncode
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            return None
        # The group is killed before its leader is reaped: from then on the number may be a stranger's group.
        self.signal(signal.SIGKILL)
        return self.popen.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` to the process, which ends its own children as in a pod; SIGKILL to the whole group."""
        if self.popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if number == signal.SIGKILL:
                    os.killpg(self.pid, number)
                else:
                    # Children that got it too would end before the process has finished its answers through them.
                    os.kill(self.pid, number)


def spawn(argv: tuple[str, ...], env: Mapping[str, str], log: Path, directory: Path, umask: int = -1) -> Child:
    """Start ``argv`` in ``directory``, to end with this process; append both its outputs to ``log``.

    ``umask`` is that of the new process; with -1 it is this process's own.

    Call it in the main thread: on Linux the child ends with the thread that started it.

    Raises:
        OSError: the system is out of processes, or ``log`` cannot be opened.
    """
    command = [sys.executable, "-I", "-S", str(END_WITH_PARENT), str(os.getpid()), *argv]
    with os.fdopen(open_in_place(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as output:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=directory,
            # Ctrl-C in a terminal then goes to the command alone, which stops the Workspace in its order.
            start_new_session=True,
            umask=umask,
        )
    return Child(popen, psutil.Process(popen.pid).create_time())
