"""Time for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Time that only moves when told."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
