"""Choices about the lifecycle that come from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright.values.backoff import Backoff

PAUSES = Backoff(first_s=2.0, most_s=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choices of the person who runs LLMwright; times in seconds.

    ``on_success`` holds for a Workspace that does not set it. ``backoff`` spaces the attempts after transient failures.
    A quota or capacity that is missing is asked for again after the longest pause. Deleting gives up on a release after
    ``release_attempts`` refusals, and on a provisioner that cannot be asked after ``fault_attempts``.
    """

    preflight: bool = True
    on_success: Literal["serve", "release"] = "serve"
    backoff: Backoff = PAUSES
    release_attempts: int = 8
    fault_attempts: int = 4
