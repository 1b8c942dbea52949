"""One command of ``llmwright``, run in this process, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
"""The fixture ``run``, called with the command's arguments."""
