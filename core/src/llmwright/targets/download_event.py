"""A process's own word of how far the weights are, as the status has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.status import Download


def download_of(event: Mapping[str, Any]) -> Download:
    """Return what an event of a transfer tells.

    Raises:
        LookupError, TypeError, ValidationError: it is no such event.
    """
    return Download(
        bytes=event["bytes"],
        total_bytes=event["total"],
        bytes_per_second=event.get("bytes_per_second"),
        seconds_left=event.get("seconds_left"),
    )
