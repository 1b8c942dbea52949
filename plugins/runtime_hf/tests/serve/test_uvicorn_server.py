"""Clients that want the server to stop answering others."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tests.support.hf_server import RunningServer, running_server
from tests.support.tiny_models import CONTEXT, ServedModels
from tests.support.waiting import wait_until

FILES = 256


@pytest.fixture(scope="module")
def keyless(models: ServedModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a key that may open few files."""
    log = tmp_path_factory.mktemp("keyless") / "log"
    with running_server(log, "--model", str(models.base), "--threads", "1", files=FILES) as server:
        server.wait_until_ready()
        yield server


def connected(server: RunningServer, sent: bytes = b"") -> socket.socket:
    where = urlsplit(server.url)
    connection = socket.create_connection((str(where.hostname), int(where.port or 0)))
    connection.sendall(sent)
    return connection


def post(body: bytes, length: int | None = None) -> bytes:
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length or len(body)}\r\n\r\n".encode() + body


def answers(server: RunningServer) -> bool:
    with server.client() as http:
        answer = http.post("/v1/completions", json={"prompt": "a", "max_tokens": 1})
    return answer.status_code == 200


def test_long_prompts_are_refused_by_their_length(keyless: RunningServer) -> None:
    memory = psutil.Process(keyless.process.pid).memory_info().rss
    bodies: list[dict[str, Any]] = [
        {"prompt": "a" * 8_000_000},
        {"messages": [{"role": "user", "content": "a" * 8_000_000}]},
    ]
    with keyless.client() as http:
        for body in bodies:
            route = "/v1/completions" if "prompt" in body else "/v1/chat/completions"
            error = http.post(route, json=body).json()["error"]
            assert error["code"] == "context_length_exceeded"
            assert f"the context is {CONTEXT} tokens long" in error["message"]
    with contextlib.ExitStack() as left:
        for _ in range(8):
            left.enter_context(connected(keyless, post(json.dumps(bodies[0]).encode())))
        assert answers(keyless)

    assert answers(keyless)
    assert psutil.Process(keyless.process.pid).memory_info().rss - memory < 500 * 1024**2


def test_a_prompt_that_may_fit_is_read_part_by_part(keyless: RunningServer) -> None:
    """Few characters to a token: it passes the limit of characters, and is refused by its tokens."""
    with keyless.client() as http:
        error = http.post("/v1/completions", json={"prompt": "q" * 1_000_000}).json()["error"]
        many = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": ""}] * (CONTEXT + 1)})

    assert (error["param"], error["code"]) == ("prompt", "context_length_exceeded")
    assert many.json()["error"]["code"] == "context_length_exceeded"


def test_half_open_connections_lock_nobody_out(keyless: RunningServer) -> None:
    process = psutil.Process(keyless.process.pid)
    process.suspend()  # all of them wait to be accepted, so that the server meets them at once
    silent = [connected(keyless, b"" if number % 2 else b"POST /chat HTTP/1.1\r\n") for number in range(FILES + 50)]
    process.resume()

    assert answers(keyless)

    for connection in silent:
        connection.close()
    assert "Too many open files" not in keyless.log.read_text()


def test_uploads_that_break_off_leave_no_traceback(keyless: RunningServer) -> None:
    for _ in range(30):
        connected(keyless, post(b'{"prompt": "a', 1000)).close()
    process = psutil.Process(keyless.process.pid)
    wait_until(lambda: not [c for c in process.net_connections() if c.status == "ESTABLISHED"], "all have left")

    assert answers(keyless)
    assert "Traceback" not in keyless.log.read_text()


def test_garbage_does_not_fill_the_log(keyless: RunningServer) -> None:
    for _ in range(100):
        with connected(keyless, b"\x00garbage\r\n\r\n") as connection:
            while connection.recv(65536):
                pass
    with keyless.client() as http:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        codes = {http.get("/health", headers=headers).status_code for _ in range(50)}

    assert codes == {200}
    assert keyless.log.stat().st_size < 20_000


def test_a_page_of_another_host_reaches_nothing(keyless: RunningServer) -> None:
    with keyless.client() as http:
        rebound = http.post("/chat", json={"prompt": "a"}, headers={"Host": "evil.example"})
        page = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
        simple = http.post("/chat", content=b'{"prompt": "a"}', headers=page)

    assert (rebound.status_code, simple.status_code) == (421, 415)


def test_curl_needs_no_content_type(keyless: RunningServer) -> None:
    """``curl -d`` announces a form, and names no page."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "curl/8.14.1"}
    with keyless.client() as http:
        answer = http.post("/chat", content=b'{"prompt": "Who are you?", "max_tokens": 4}', headers=form)

    assert answer.status_code == 200, answer.text


def test_a_lone_surrogate_in_a_request_is_an_error_that_can_be_read(keyless: RunningServer) -> None:
    with keyless.client() as http:
        headers = {"Content-Type": "application/json"}
        body = http.post("/chat", content=b'{"prompt": "\\ud800"}', headers=headers)
        model = httpx.get(f"{keyless.url}/v1/models/%ff%00%e2%80%a8", trust_env=False)

    assert body.status_code == 400
    assert body.json()["error"]["message"]
    assert model.status_code == 404
