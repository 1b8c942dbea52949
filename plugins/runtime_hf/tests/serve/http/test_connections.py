"""Connections that keep the server waiting are closed, and leave room for others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from tests.support.waiting import wait_until

from llmwright_runtime_hf.serve.http import connections
from llmwright_runtime_hf.serve.http.connections import BoundedConnection, accept_limit, connection_limit

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"
WHOLE = HEAD + b"Content-Length: 0\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, then answer; ``/large`` with more than any buffer between two programs holds."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(500 if scope["path"] == "/large" else 1):
        await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """A server with short deadlines and room for four connections, and its address."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "STALLED_SECONDS", "FLUSH_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 4)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=BoundedConnection, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_until(lambda: server.started, "the server runs")
        yield server, listener.getsockname()
        server.should_exit = server.force_exit = True
        thread.join()


def connect(address: tuple[str, int], sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(address, timeout=60)
    connection.sendall(sent)
    return connection


def received(connection: socket.socket) -> bytes:
    """Read until the server closes, however it does."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"POST /a HT", b""),
        (HEAD, b""),
        (HEAD + b"Content-Length: 5\r\n\r\n12", b"408 Request Timeout"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"408 Request Timeout"),
        (WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n") + b"GET /b", b"200 OK"),
    ],
)
def test_what_is_not_sent_in_time_ends_the_connection(served: Any, sent: bytes, answer: bytes) -> None:
    with connect(served[1], sent) as connection:
        assert answer in received(connection)


def test_bytes_that_trickle_in_do_not_move_the_deadline(served: Any) -> None:
    with connect(served[1], HEAD) as connection:
        connection.settimeout(0.05)
        while True:
            try:
                connection.sendall(b"X-A: b\r\n")
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break


def test_a_client_that_does_not_read_is_cut_off(served: Any) -> None:
    server, address = served
    with connect(address, WHOLE.replace(b"/a", b"/large")):
        wait_until(lambda: len(server.server_state.connections) == 1, "the request is there")
        wait_until(lambda: not server.server_state.connections, "it is cut off")


def test_a_new_client_takes_the_place_of_one_that_sends_nothing(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 600)
    server, address = served
    silent = [connect(address) for _ in range(20)]

    for _ in range(3):
        with connect(address, WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as honest:
            assert b"200 OK" in received(honest)

    assert len(server.server_state.connections) <= 4
    assert received(silent[0]) == b""
    for connection in silent:
        connection.close()


def test_with_no_place_to_take_the_answer_is_503(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 600)
    server, address = served
    busy = [connect(address, WHOLE.replace(b"/a", b"/large")) for _ in range(4)]
    wait_until(lambda: len(server.server_state.connections) == 4, "four are busy")
    for connection in busy:
        connection.recv(1)

    with connect(address) as late:
        answer = received(late)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert len(answer.partition(b"\r\n\r\n")[2]) == int(answer.partition(b"content-length: ")[2].split(b"\r\n")[0])
    for connection in busy:
        connection.close()
    wait_until(lambda: not server.server_state.connections, "all have left")


@pytest.mark.parametrize(
    ("files", "limit", "at_once"),
    [((1024, 4096), 512, 128), ((256, 256), 128, 32), ((-1, -1), 512, 128), ((1, 1), 1, 1)],
)
def test_half_of_the_files_are_for_connections_and_an_eighth_is_accepted_at_once(
    files: tuple[int, int], limit: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: files)

    assert (connection_limit(), accept_limit()) == (limit, at_once)
