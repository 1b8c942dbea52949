"""Signals: a quiet end while the server starts, and the end of the parent process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PARENT_CHECK_SECONDS = 1.0


def end_quietly_on_signals() -> None:
    """End the process with exit code 0 on SIGTERM and SIGINT, until the HTTP server sets its own handlers."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        # Not an exception: the module that is being imported at this moment may catch it, and the process would go on.
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)


def end_with_parent() -> None:
    """Send this process SIGTERM when its parent ends, also when the parent is killed.

    On Linux the kernel does it, at the end of the parent's *thread* that started this process: start it from a thread
    that lives as long as the parent. On other systems a thread of this process looks once a second.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        # A parent that ended before prctl sends nothing: this process would stay for ever, and keep the port.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
