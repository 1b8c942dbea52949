"""What settings say about the lifecycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choices of whoever runs the system; times in seconds.

    ``on_success`` holds where a Workspace does not say. A transient failure is tried again after ``backoff_first_s``,
    then twice as long each time, at most ``backoff_most_s``; a quota or capacity that is not there is asked for again
    after ``backoff_most_s``. Deleting gives up on a release after ``release_attempts`` refusals.
    """

    preflight: bool = True
    on_success: Literal["serve", "release"] = "serve"
    backoff_first_s: float = 2.0
    backoff_most_s: float = 300.0
    release_attempts: int = 8

    def backoff(self, attempts: int) -> float:
        """Seconds to wait after that many failures in a row."""
        doublings = min(max(attempts - 1, 0), 32)
        return min(self.backoff_first_s * 2.0**doublings, self.backoff_most_s)
