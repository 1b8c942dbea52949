"""Strangers cannot fill the log."""

from __future__ import annotations

import logging

from llmwright_runtime_hf.serve.log_limit import SECONDS, TIMES, RepeatLimit


def record(line: int, text: str = "request %s failed", *args: object) -> logging.LogRecord:
    return logging.LogRecord("server", logging.ERROR, "file.py", line, text, args or (1,), None)


def test_what_repeats_is_written_some_times_and_then_counted() -> None:
    now = [0.0]
    limit = RepeatLimit(lambda: now[0])
    records = [record(1) for _ in range(1000)]

    written = [entry.getMessage() for entry in records if limit.filter(entry)]
    now[0] = SECONDS
    later = limit.filter(record(1))

    assert written[:TIMES] == ["request 1 failed"] * TIMES
    assert written[TIMES:] == ["request 1 failed (more like this in the next minute are left out)"]
    assert later


def test_one_source_does_not_silence_another() -> None:
    limit = RepeatLimit(lambda: 0.0)
    for _ in range(100):
        limit.filter(record(1))

    assert limit.filter(record(2))


def test_it_remembers_a_bounded_number_of_sources() -> None:
    limit = RepeatLimit(lambda: 0.0)
    for number in range(5000):
        limit.filter(record(1, f"new text {number}"))

    assert len(limit._windows) <= 1000
