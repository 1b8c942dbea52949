"""Time as the cloud sees it: simulated, or this machine's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

START = datetime(2026, 11, 1, tzinfo=UTC)


class Clock(Protocol):
    """A time that can be read, and waited on."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""


@dataclass
class ManualClock:
    """A clock that moves only when somebody moves it."""

    at: datetime = START

    def now(self) -> datetime:
        """Return the simulated time."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``."""
        self.at += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Move on to ``moment``, or stay where that is past."""
        self.at = max(self.at, moment)

    sleep = advance


class RealClock:
    """This machine's clock."""

    def now(self) -> datetime:
        """Return the time of this machine."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
