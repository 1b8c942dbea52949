"""Events: behind the passes, once each, and none that is only late is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.support.waiting import wait_until

from llmwright.lifecycle.decision import Event
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.operator.report import event_recorder
from llmwright.targets.kubernetes.operator.report.event_recorder import EventRecorder, event_object
from llmwright.values.backoff import Backoff

WORKSPACE = {"metadata": {"name": "ws", "namespace": "ns", "uid": "u1", "resourceVersion": "7"}}
EVENT = Event("Normal", "Ready", "it answers")
MOMENT = "2026-11-28T16:00:00Z"


class Server:
    """Takes Events, refusing as often as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusals: list[ApiError] = []

    def create(self, _: Any, body: Any) -> None:
        self.asked.append(body["message"])
        if self.refusals:
            raise self.refusals.pop(0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def calm() -> threading.Event:
    return threading.Event()


@pytest.fixture
def recorder(server: Server, calm: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventRecorder]:
    monkeypatch.setattr(event_recorder, "ATTEMPTS", 3)
    monkeypatch.setattr(event_recorder, "BACKOFF", Backoff(first_s=0.0, most_s=0.0))
    found = EventRecorder(cast(Api, server), calm.wait)
    yield found
    calm.set()
    found.stop()


def test_an_event_waits_for_the_passes_and_no_longer_than_its_patience(
    server: Server, recorder: EventRecorder, calm: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record(WORKSPACE, EVENT, MOMENT)
    time.sleep(0.2)
    assert server.asked == []
    monkeypatch.setattr(event_recorder, "PATIENCE_S", 0.0)
    recorder.record(WORKSPACE, Event("Normal", "Ready", "late"), MOMENT)
    wait_until(lambda: server.asked == ["late"], "the late event is written")
    calm.set()
    wait_until(lambda: server.asked == ["late", "it answers"], "the other follows")


def test_one_that_is_refused_is_tried_again_and_let_go_in_the_end(
    server: Server, recorder: EventRecorder, calm: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    calm.set()
    server.refusals = [ApiError("busy", code=503, reason="Unavailable")]
    recorder.record(WORKSPACE, EVENT, MOMENT)
    wait_until(lambda: len(server.asked) == 2, "it is tried again")
    server.refusals = [ApiError("forbidden", code=403, reason="Forbidden") for _ in range(9)]
    recorder.record(WORKSPACE, Event("Warning", "Failed", "no"), MOMENT)
    wait_until(
        lambda: "ns/ws: the event Failed could not be written: forbidden" in caplog.text,
        "the log says that it is let go",
    )
    assert server.asked[2:] == ["no"] * 3


def test_one_that_is_there_already_is_told(server: Server, recorder: EventRecorder, calm: threading.Event) -> None:
    calm.set()
    server.refusals = [ApiError("there", code=409, reason="AlreadyExists")]
    recorder.record(WORKSPACE, EVENT, MOMENT)
    recorder.stop()
    assert server.asked == ["it answers"]


def test_what_was_recorded_before_the_end_is_written(
    server: Server, recorder: EventRecorder, calm: threading.Event
) -> None:
    recorder.record(WORKSPACE, EVENT, MOMENT)
    calm.set()
    recorder.stop()
    assert server.asked == ["it answers"]
    recorder.record(WORKSPACE, EVENT, MOMENT)
    assert server.asked == ["it answers"]


def test_its_name_tells_what_it_says_and_when() -> None:
    names = {
        event_object(WORKSPACE["metadata"], event, moment)["metadata"]["name"]
        for event in (EVENT, Event("Normal", "Ready", "other"))
        for moment in (MOMENT, "2026-11-28T16:00:01Z")
    }
    assert len(names) == 4
