"""What the server is as a process: its socket, its parent, its signals."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

from llmwright.errors import ConfigError

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PARENT_CHECK_SECONDS = 1.0


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigError naming the port when it is taken.

    It listens at once: on Linux two sockets with SO_REUSEADDR may both bind a port as long as neither listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="end what uses the port, or choose another with --port (0 takes a free one)",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address to reach the socket at, as http://HOST:PORT."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def end_quietly_on_signals() -> None:
    """Until the server has its own handlers, SIGTERM and SIGINT end the process with exit code 0."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        # Nothing needs an orderly end yet, and an exception may be swallowed by whatever is being imported just then.
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)


def end_with_parent() -> None:
    """Have this process get SIGTERM when the one that started it ends, however that one ends.

    On Linux the kernel sees to it. It means the parent's *thread* that started this process: start it from a thread
    that lives as long. Elsewhere a thread looks once a second.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
