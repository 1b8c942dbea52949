"""Become another program that ends with its parent: ``python -I -S end_with_parent.py PARENT PROGRAM [ARGUMENT...]``.

On Linux the kernel sends SIGKILL to the program when the thread that started it is gone (PR_SET_PDEATHSIG, kept over
exec), so a killed supervisor leaves no server behind. Elsewhere the next command's repair ends it. This file imports
nothing of the project and runs without site-packages, so that it delays each start as little as possible.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def ask_for_parent_death_signal() -> None:
    """Ask the kernel to end this process with its parent; do nothing outside of Linux."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Replace this process; end with 127 where the program cannot be run."""
    parent, program = int(arguments[0]), arguments[1:]
    ask_for_parent_death_signal()
    # After the request: a parent that ended before it sends no signal, and would be outlived.
    if os.getppid() != parent:
        sys.exit(1)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(program[0], program)  # noqa: S606
    except OSError as error:
        print(f"error: {program[0]} cannot be run: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
