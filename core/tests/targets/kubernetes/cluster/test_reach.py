"""An API server that does not answer is told once, and again when it does."""

from __future__ import annotations

import logging

import pytest

from llmwright.targets.kubernetes.cluster.reach import Reach


def test_it_is_told_once_when_it_stays_away_and_once_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    reach = Reach("https://there", lambda: now[0])
    with caplog.at_level(logging.INFO):
        for now[0] in (0.0, 3.0, 6.0, 20.0):
            reach.failed("GET", OSError("refused"))
        now[0] = 30.0
        reach.answered("GET", 200)
    assert [record.getMessage() for record in caplog.records] == [
        "the API server https://there does not answer, and is waited for: refused",
        "the API server https://there answers again after 30 s",
    ]
    assert reach.requests == {("GET", "<error>"): 4, ("GET", "200"): 1}


def test_a_connection_that_breaks_now_and_then_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    reach = Reach("https://there", lambda: now[0])
    with caplog.at_level(logging.INFO):
        for now[0] in (0.0, 10.0, 20.0):
            reach.failed("GET", OSError("reset"))
            reach.answered("GET", 503)
    assert not caplog.records
