"""Keeping stdout for the verb alone: what a plugin prints goes to stderr."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDOUT, STDERR = 1, 2


@contextmanager
def stdout_apart() -> Iterator[None]:
    """Have all that is printed in the block go to stderr, also by other programs that it starts.

    In the main thread alone, where verbs print: descriptors belong to the whole process.
    """
    real = sys.stdout
    if threading.current_thread() is not threading.main_thread() or real is sys.stderr:
        yield
        return
    saved = _swapped(real)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = real
        if saved is not None:
            # Before the descriptor comes back: what was written past sys.stdout lies in the same buffer.
            with suppress(OSError, ValueError):
                real.flush()
            os.dup2(saved, STDOUT)
            os.close(saved)


def _swapped(real: TextIO) -> int | None:
    """Have the descriptor of stdout lead to stderr; return a copy of it, None where stdout is no file."""
    try:
        real.fileno()
        real.flush()
        saved = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
    except (OSError, ValueError, AttributeError):
        return None
    return saved
