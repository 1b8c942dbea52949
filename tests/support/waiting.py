"""Wait in a test for something that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(value: Callable[[], T], what: str, timeout_s: float = 60.0, every_s: float = 0.02) -> T:
    """Call ``value`` until it returns something true, and return that.

    Raises:
        AssertionError: not within ``timeout_s``; ``what`` says in words what was expected.
    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        result = value()
        if result:
            return result
        time.sleep(every_s)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")
