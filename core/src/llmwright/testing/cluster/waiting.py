"""Wait in a test for something that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(value: Callable[[], T | None], what: str, timeout_s: float = 120.0, every_s: float = 0.05) -> T:
    """Call ``value`` until it returns something true, and return that.

    ``value`` may itself raise AssertionError where waiting has become pointless: the process that is waited for ended.

    Raises:
        AssertionError: not within ``timeout_s``; ``what`` says in words what was expected.
    """
    end = time.monotonic() + timeout_s
    while True:
        result = value()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(every_s)
