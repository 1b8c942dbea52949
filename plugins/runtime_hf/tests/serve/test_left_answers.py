"""A client that leaves: how many tokens the model still makes once the server's socket has seen it go."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from tests.support.hf_server import completion_request
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels
from tests.support.waiting import wait_until

from llmwright_runtime_hf.serve.engine.interface import JobHandle
from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.engine.scheduler import Scheduler
from llmwright_runtime_hf.serve.http.connections import BoundedConnection
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

LONG = {"prompt": "the quick brown", "max_tokens": 32000, "ignore_eos": True}
PASS_S = 0.02
"""A pass over a model of some size: the tiny one makes 1,000 tokens in a second."""
LEAVING = 8
MOST_AFTER = 2
"""Tokens of an answer after its connection is lost: of the pass under way, and of one that began meanwhile."""


class Watched(ServerMetrics):
    """The metrics of a server, and how many tokens it had made when a connection was lost and when its answer ended."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ("", 0)
        self.at_loss: list[float] = []
        self.at_end: list[float] = []

    def count_abort(self, handle: JobHandle) -> None:
        self.at_end.append(self.made())
        super().count_abort(handle)

    def made(self) -> float:
        return self.registry.get_sample_value("llmwright_completion_tokens_total", {"model": "b"}) or 0.0

    def tokens_after_one_leaves(self, *, stream: bool, others: int) -> float:
        """Ask beside ``others``, leave in the middle, and return how many tokens were made after the server saw it."""
        wait_until(lambda: self.busy() == others, "the others run", 60)
        connection = self.ask(stream=stream)
        wait_until(lambda: self.busy() == others + 1, "it runs", 60)
        before = self.made()
        wait_until(lambda: self.made() > before + 4 * (others + 1), "it goes on", 60)
        self.at_loss.clear()
        self.at_end.clear()
        connection.close()
        wait_until(lambda: self.at_end, "the server lets it go", 60)
        return self.at_end[0] - self.at_loss[0]

    def busy(self) -> float:
        return self.registry.get_sample_value("llmwright_requests_running") or 0.0

    def ask(self, *, stream: bool) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=60)
        connection.sendall(completion_request({**LONG, "stream": stream}))
        return connection


@pytest.fixture(scope="module")
def watched(models: ServedModels) -> Iterator[Watched]:
    """The engine, the routes and the connections that ``serve`` puts together, in threads of this process."""
    made = Watched()
    options = options_for(models.base, threads=1)
    engine, ready = ModelThread(options, made), threading.Event()

    class Counting(BoundedConnection):
        def connection_lost(self, exc: Exception | None) -> None:
            made.at_loss.append(made.made())
            super().connection_lost(exc)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.address = listener.getsockname()
        app = create_app(options, engine, made)
        config = uvicorn.Config(app, http=Counting, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        engine.start(on_ready=ready.set, on_failure=ready.set)
        assert ready.wait(120)
        thread.start()
        wait_until(lambda: server.started, "the server runs")
        yield made
        server.should_exit = server.force_exit = True
        engine.stop(10)
        thread.join()


@pytest.fixture(params=[PASS_S, 0.0], ids=["slow passes", "fast passes"])
def _passes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, seconds = Scheduler.turn, request.param

    def slower(scheduler: Scheduler) -> None:
        time.sleep(seconds)
        turn(scheduler)

    monkeypatch.setattr(Scheduler, "turn", slower)


@pytest.mark.usefixtures("_passes")
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_its_answer_ends_within_two_tokens(watched: Watched, stream: bool, others: int) -> None:
    """By the server's own count of tokens, which those of the others are in: all get one in each pass."""
    with contextlib.ExitStack() as staying:
        for _ in range(others):
            staying.enter_context(watched.ask(stream=True))
        for _ in range(LEAVING):
            after = watched.tokens_after_one_leaves(stream=stream, others=others)
            assert 0 <= after <= MOST_AFTER * (others + 1)
    wait_until(lambda: watched.busy() == 0, "all have left", 60)
