"""A client that leaves frees the model: in a stream, before its answer, beside others."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
from tests.support.hf_server import KEY, RunningServer, metric
from tests.support.waiting import wait_until

# Long enough that no busy machine finishes the answer before a test has looked at it.
LONG = {"prompt": "the quick brown", "max_tokens": 32000}


def test_a_client_that_leaves_a_stream_ends_its_generation(http: httpx.Client) -> None:
    finished = metric(http, "llmwright_request_duration_seconds_count", model="tiny")
    with http.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as answer:
        # By a name: httpx closes the connection once nobody holds the iterator, and the client would leave too early.
        lines = answer.iter_lines()
        assert next(lines).startswith("data:")
        wait_until(lambda: metric(http, "llmwright_requests_running") == 1, "one request runs", 120)
        assert http.get("/health").status_code == 200

    wait_until(lambda: metric(http, "llmwright_requests_running") == 0, "no request runs", 120)
    assert metric(http, "llmwright_request_duration_seconds_count", model="tiny") == finished


def test_a_client_that_leaves_before_the_answer_ends_its_generation(server: RunningServer, http: httpx.Client) -> None:
    finished = metric(http, "llmwright_request_duration_seconds_count", model="tiny")
    with send_and_keep(server):
        wait_until(lambda: metric(http, "llmwright_requests_running") == 1, "one request runs", 120)

    wait_until(lambda: metric(http, "llmwright_requests_running") == 0, "no request runs", 120)
    assert metric(http, "llmwright_request_duration_seconds_count", model="tiny") == finished


def test_a_client_that_leaves_ends_its_own_answer_alone(server: RunningServer, http: httpx.Client) -> None:
    """One that leaves while it waits is ``test_scheduler``'s."""
    finished = metric(http, "llmwright_request_duration_seconds_count", model="tiny")
    with send_and_keep(server):
        with send_and_keep(server):
            wait_until(lambda: metric(http, "llmwright_requests_running") == 2, "two requests run", 120)
        wait_until(lambda: metric(http, "llmwright_requests_running") == 1, "one request runs", 120)

    wait_until(lambda: metric(http, "llmwright_requests_running") == 0, "no request runs", 120)
    assert metric(http, "llmwright_request_duration_seconds_count", model="tiny") == finished


def send_and_keep(server: RunningServer) -> socket.socket:
    """Send a long request over a plain socket, and do not read the answer."""
    request = httpx.Request("POST", f"{server.url}/v1/completions", json=LONG)
    where = urlsplit(server.url)
    connection = socket.create_connection((str(where.hostname), int(where.port or 0)))
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    connection.sendall(f"{head}Content-Length: {len(request.content)}\r\n\r\n".encode() + request.content)
    return connection
