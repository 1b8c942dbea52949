"""What is no answer of an API server, or breaks off, is one error that every caller knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from kubernetes.client import Configuration

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import UNREACHABLE, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES

PAGE = b"<!doctype html>\n<title>Log in</title>"


class Server(HTTPServer):
    """Answers every request with the same bytes, of which there should be ``length``."""

    code, body, length = 200, PAGE, len(PAGE)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers as its server says, and hangs up."""

    server: Server

    def do_GET(self) -> None:
        self.send_response(self.server.code)
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def api(server: Server) -> Api:
    return Api(Configuration(host=f"http://127.0.0.1:{server.server_port}"))


@pytest.mark.parametrize("body", [PAGE, b"[]", b"", b"\xff"])
def test_a_page_in_place_of_an_object_is_told(server: Server, api: Api, body: bytes) -> None:
    server.body, server.length = body, len(body)
    with pytest.raises(
        ApiError, match="GET /api/v1/namespaces/a/services/b: what answers there is no API server"
    ) as no:
        api.get(SERVICES, "a", "b")
    assert no.value.code == UNREACHABLE
    assert ("'<!doctype html> <title>Log in</title>'" in no.value.message) == (body == PAGE)


REQUESTS: dict[str, Callable[[Api], object]] = {
    "object": lambda api: api.get(SERVICES, "a", "b"),
    "watch": lambda api: list(api.watch(SERVICES, {})),
    "log": lambda api: list(api.log_lines("a", "pod", {})),
    "pod": lambda api: api.pod_answer("a", "pod", 8081, "/readyz"),
}


@pytest.mark.parametrize("code", [200, 503])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_an_answer_that_breaks_off_is_a_connection_that_failed(
    server: Server, api: Api, code: int, request_: Callable[[Api], object]
) -> None:
    server.code, server.length = code, 100
    with pytest.raises(ApiError) as broken:
        request_(api)
    assert (broken.value.code, broken.value.reason) == (UNREACHABLE, "ApiServerUnreachable")


def test_of_a_pod_s_long_answer_the_beginning_is_read(server: Server, api: Api) -> None:
    server.code, server.body = 503, b"not ready " * 1000
    server.length = len(server.body)
    code, text = api.pod_answer("a", "pod", 8081, "/readyz")
    assert code == 503
    assert text.startswith("not ready ")
    assert len(text) == 4096
