"""Clients that ask the real server for long streams and read nothing: they are cut, and nobody else notices."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tests.support.hf_server import RunningServer, completion_request, metric, running_server
from tests.support.tiny_models import ServedModels
from tests.support.waiting import wait_until

from llmwright_runtime_hf.serve.http.connections import STALLED_SECONDS

SLOW = 2
LONG = {"prompt": "the quick brown", "max_tokens": 32000, "ignore_eos": True, "stream": True, "logprobs": 20}
"""Two thousand bytes for each token: the buffers between two programs hold three million."""
MOST_GROWTH = 64 * 2**20
MOST_GROWTH_PER_S = 2 * 2**20
"""Bytes of what the model makes while the server waits for them: some 60 tokens a second each, with 20 scores."""
SHORT_S = 2.0
MOST_S = 10.0
"""For a short answer beside them, which takes 0.1 s; on a busy machine more."""


@pytest.fixture(params=[SHORT_S, pytest.param(STALLED_SECONDS, marks=pytest.mark.slow)], scope="module")
def cut_after(request: pytest.FixtureRequest) -> float:
    """The seconds that the server waits for a client to read on: few, or its own."""
    return float(request.param)


@pytest.fixture(scope="module")
def waiting_server(
    models: ServedModels, tmp_path_factory: pytest.TempPathFactory, cut_after: float
) -> Iterator[RunningServer]:
    """The program itself, with that time."""
    start = (
        "import sys; from llmwright_runtime_hf.serve import __main__ as program;"
        f"from llmwright_runtime_hf.serve.http import connections; connections.STALLED_SECONDS = {cut_after};"
        "sys.exit(program.main())"
    )
    log = tmp_path_factory.mktemp("slow") / "log"
    flags = ("--model", str(models.base), "--threads", "1")
    with running_server(log, *flags, command=[sys.executable, "-c", start]) as server:
        server.wait_until_ready()
        yield server


def asked(server: RunningServer) -> socket.socket:
    """Ask for a long stream over a connection with small buffers, and read nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    where = urlsplit(server.url)
    connection.connect((where.hostname, where.port))
    connection.sendall(completion_request(LONG))
    return connection


def of_server(server: RunningServer, connections: list[socket.socket]) -> int:
    """Return how many of them the server still has."""
    ours = {connection.getsockname()[1] for connection in connections}
    return sum(
        bool(found.raddr) and found.raddr.port in ours for found in psutil.Process(server.process.pid).net_connections()
    )


def rest(connection: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def seconds_of_an_answer(http: httpx.Client) -> float:
    began = time.monotonic()
    body = {"prompt": "the quick", "max_tokens": 24, "ignore_eos": True}
    answer = http.post("/v1/completions", json=body)
    assert answer.json()["usage"]["completion_tokens"] == 24
    return time.monotonic() - began


@pytest.mark.timeout(300)
def test_they_are_cut_after_the_stated_time_and_hold_up_nobody(waiting_server: RunningServer, cut_after: float) -> None:
    process = psutil.Process(waiting_server.process.pid)
    with waiting_server.client() as http, contextlib.ExitStack() as left:
        seconds_of_an_answer(http)
        memory = process.memory_info().rss
        began = time.monotonic()
        slow = [left.enter_context(asked(waiting_server)) for _ in range(SLOW)]
        wait_until(lambda: metric(http, "llmwright_requests_running") == SLOW, "all of them run", 60)
        beside, grown = [], 0
        while of_server(waiting_server, slow):
            beside.append(seconds_of_an_answer(http))
            grown = max(grown, process.memory_info().rss - memory)
            assert time.monotonic() - began < 2 * cut_after + 60
        waited = time.monotonic() - began

        assert waited >= cut_after
        assert max(beside) < MOST_S
        assert grown < MOST_GROWTH + cut_after * MOST_GROWTH_PER_S
        assert not any(b"[DONE]" in rest(connection) for connection in slow)
        wait_until(lambda: metric(http, "llmwright_requests_running") == 0, "none of them runs", 10)
        assert metric(http, "vllm:request_success_total", finished_reason="abort") > 0
