"""Requests to an API server: their credentials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from kubernetes.client import Configuration

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES


class Server(HTTPServer):
    """Accepts one token at a time."""

    token = "first"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers requests with the token."""

    server: Server

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {self.server.token}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_token_is_read_again_only_when_it_is_old_or_refused(server: Server) -> None:
    asked: list[str] = []

    def refresh(settings: Any) -> None:
        asked.append(server.token)
        settings.api_key["BearerToken"] = f"Bearer {server.token}"

    configuration = Configuration(host=f"http://127.0.0.1:{server.server_port}", api_key={"BearerToken": ""})
    vars(configuration)["refresh_api_key_hook"] = refresh
    api = Api(configuration)
    for _ in range(3):
        api.get(SERVICES, "default", "a")
    assert asked == ["first"]
    server.token = "second"
    with pytest.raises(ApiError):
        api.get(SERVICES, "default", "a")
    api.get(SERVICES, "default", "a")
    assert asked == ["first", "second"]
