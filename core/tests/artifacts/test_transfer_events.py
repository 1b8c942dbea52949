"""The progress of a transfer as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.artifacts.transfer_events import TransferEvents


def test_two_events_a_second_are_told_and_always_the_last() -> None:
    told: list[Mapping[str, Any]] = []
    now = [0.0]
    events = TransferEvents("pull", told.append, lambda: now[0])
    for at, done in ((0.0, 0), (0.1, 10), (0.6, 60), (0.7, 70), (0.8, 100)):
        now[0] = at
        events(done, 100)
    assert [event["bytes"] for event in told] == [0, 60, 100]
    assert told[0] == {"event": "pull", "bytes": 0, "total": 100}
    assert told[1] == {"event": "pull", "bytes": 60, "total": 100, "bytes_per_second": 100, "seconds_left": 0.4}


def test_without_a_size_the_time_left_is_not_known() -> None:
    told: list[Mapping[str, Any]] = []
    now = [0.0]
    events = TransferEvents("download", told.append, lambda: now[0])
    events(0, None)
    now[0] = 1.0
    events(7, None)
    assert told[-1] == {"event": "download", "bytes": 7, "total": None, "bytes_per_second": 7}
