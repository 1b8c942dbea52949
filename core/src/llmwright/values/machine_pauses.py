"""Pauses between purchases of machines that are lost again and again, or cannot be had."""

from __future__ import annotations

from llmwright.values.backoff import Backoff

PAUSES = Backoff(first_s=15.0, most_s=900.0)
BREAK_AT = 5
RESTS = Backoff(first_s=300.0, most_s=1800.0)
"""From ``BREAK_AT`` losses in a row on, the next purchase waits this long.

They are the cluster autoscaler's for a node group that cannot grow (its flags ``--initial-node-group-backoff-duration``
and ``--max-node-group-backoff-duration``). Capacity comes back within minutes or hours, and nobody watches for it.
"""


def pause_s(losses: int) -> float:
    """Return the seconds between the last purchase and the next, after so many losses in a row."""
    over = losses - BREAK_AT + 1
    return RESTS.pause_s(over) if over > 0 else PAUSES.pause_s(losses)
