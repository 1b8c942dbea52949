"""The model's thread at its end and at a panic: nobody waits for an answer that will not come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.serve_options import options_for
from tests.support.waiting import wait_until

from llmwright.errors import NotYet
from llmwright_runtime_hf.serve.engine.interface import EngineState, Event, Failed, Finished, Job, JobHandle
from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

JOB = Job("b", (1,), 1)
SPEC = AdapterSpec("new", Path("new"))


class Panic(BaseException):
    """As PyO3 raises it for a panic of Rust code."""


class OneTurn:
    """A scheduler that does ``act`` with each job in one turn."""

    def __init__(self, act: Callable[[JobHandle], None]) -> None:
        self._act = act
        self._handles: list[JobHandle] = []

    @property
    def busy(self) -> bool:
        return bool(self._handles)

    def add(self, handle: JobHandle) -> None:
        self._handles.append(handle)

    def uses(self, key: str) -> bool:
        return False

    def turn(self) -> None:
        for handle in self._handles:
            self._act(handle)
        self._handles.clear()

    def fail_all(self, failure: Failed) -> None:
        for handle in self._handles:
            handle.sink(failure)
        self._handles.clear()


def started(monkeypatch: pytest.MonkeyPatch, act: Callable[[JobHandle], None], adapters: Any = None) -> ModelThread:
    """Return a running thread without a model."""
    thread = ModelThread(options_for(Path("none")), ServerMetrics())
    ready = threading.Event()

    def load() -> None:
        scheduler: Any = OneTurn(act)
        loaded: Any = SimpleNamespace()
        thread._scheduler, thread.loaded, thread._adapters = scheduler, loaded, adapters
        thread._state = EngineState("ready")
        ready.set()

    monkeypatch.setattr(thread, "_load", load)
    thread.start(lambda: None, lambda: None)
    assert ready.wait(10)
    return thread


def finish(handle: JobHandle) -> None:
    handle.sink(Finished("stop", 1, 1))


def test_a_panic_of_a_library_ends_its_answers_and_not_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    panics = [Panic("index out of bounds")]

    def act(handle: JobHandle) -> None:
        if panics:
            raise panics.pop()
        finish(handle)

    thread = started(monkeypatch, act)
    events = list[Event]()
    thread.submit(JOB, events.append)
    wait_until(lambda: events, "the first is told")
    thread.submit(JOB, events.append)
    wait_until(lambda: events[1:], "the second is answered")
    thread.stop(10)

    assert isinstance(events[0], Failed)
    assert isinstance(events[1], Finished)


def test_an_adapter_that_is_still_read_at_the_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is one of the event loop, which waits for it before the process ends."""

    def read(_: AdapterSpec) -> None:
        thread.stop(10)

    def steps(_: None) -> Iterator[None]:
        yield

    adapters = SimpleNamespace(read=read, load=steps, let_go=lambda uses: [], key_of=lambda name: "")
    thread = started(monkeypatch, finish, adapters)
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(thread.load_adapter, SPEC)
        try:
            with pytest.raises(NotYet, match="shutting down"):
                loading.result(10)
        finally:
            for change in thread._changes:
                change.done.cancel()


def test_a_job_that_comes_as_the_thread_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = started(monkeypatch, finish)
    thread.stop(10)
    # It looked before the end began.
    thread._draining.clear()
    events = list[Event]()
    thread.submit(JOB, events.append)

    assert [getattr(event, "status", None) for event in events] == [503]
    assert b"llmwright_requests_waiting 0.0" in thread._metrics.exposition()


def test_a_bug_of_the_thread_ends_the_server_and_tells_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_panic(uses: object) -> list[str]:
        raise Panic

    def ask_more(_: JobHandle) -> None:
        thread.submit(JOB, events.append)

    adapters = SimpleNamespace(let_go=raise_panic, key_of=lambda name: "")
    thread = started(monkeypatch, ask_more, adapters)
    events = list[Event]()
    thread.submit(JOB, events.append)
    wait_until(lambda: events, "the job that came meanwhile is told")
    thread._thread.join(10)

    assert thread.state.phase == "failed"
    assert [getattr(event, "status", None) for event in events] == [503]
