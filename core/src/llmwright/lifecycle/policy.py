"""What settings say about the lifecycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright.values.backoff import Backoff

PAUSES = Backoff(first_s=2.0, most_s=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choices of whoever runs the system; times in seconds.

    ``on_success`` holds where a Workspace does not say. ``backoff`` spaces the attempts after transient failures; a
    quota or capacity that is not there is asked for again after its longest pause. Deleting gives up on a release
    after ``release_attempts`` refusals.
    """

    preflight: bool = True
    on_success: Literal["serve", "release"] = "serve"
    backoff: Backoff = PAUSES
    release_attempts: int = 8
