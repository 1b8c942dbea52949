"""Ctrl-C and SIGTERM while a verb runs."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

from llmwright.cli import end_at_once

RETRY_S = 0.01
IMPORTING = "<frozen importlib"


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what was begun ends as it does for Ctrl-C."""


def interrupt_verbs() -> None:
    """Have Ctrl-C raise KeyboardInterrupt from now on, where it ended the process at once before."""
    if signal.getsignal(signal.SIGINT) is end_at_once:
        signal.signal(signal.SIGINT, _interrupt)


def terminate_as_interrupt() -> None:
    """Have SIGTERM raise ``Terminated``: the verb then ends what it has started."""
    signal.signal(signal.SIGTERM, _terminate)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C from now on, where it is handled here: what ends now must end whole."""
    if signal.getsignal(signal.SIGINT) in (end_at_once, _interrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # Python gives all signals back when it ends, and an alarm that is still due would then end it with 142.
        signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt(_: int, frame: FrameType | None) -> None:
    # Raised within an import, it may be printed and lost: Python calls no one for what a module lock's end raises.
    if _is_importing(frame):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, RETRY_S)
        return
    raise KeyboardInterrupt


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False
