"""Calls of a cloud's JSON API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from llmwright.errors import TargetError
from llmwright.plugins.cloud_api import CloudApi


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A cloud that answers the status in the path, and else the request's key."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status = int(self.path.rpartition("/")[2] or 200)
            content = b"<html>" if status == 204 else json.dumps(self.headers.get("authorization")).encode()
            self.send_response(200 if status == 204 else status)
            if status == 429:
                self.send_header("retry-after", "7")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "AuthorizationFailed"),
        (402, "QuotaExceeded"),
        (409, "InsufficientCapacity"),
        (422, "InvalidRequest"),
        (500, "CloudFailed"),
    ],
)
def test_a_refusal_has_a_reason(endpoint: str, status: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its status; a driver names the meaning of those that its cloud uses otherwise. The token stands nowhere."""
    monkeypatch.setenv("QUAY_TOKEN", "secret")
    api = CloudApi(endpoint, "QUAY_TOKEN", reasons={409: "InsufficientCapacity"})
    with pytest.raises(TargetError) as raised:
        api.call("PUT", f"/machines/{status}", {"a": 1})
    assert raised.value.reason == reason
    assert "secret" not in str(raised.value).replace('"Bearer secret"', "")


def test_the_token_is_read_for_each_call(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    api = CloudApi(endpoint + "/", "QUAY_TOKEN")
    monkeypatch.setenv("QUAY_TOKEN", "first")
    assert api.call("GET", "/200") == "Bearer first"
    monkeypatch.setenv("QUAY_TOKEN", "second")
    assert api.call("GET", "/200") == "Bearer second"
    assert CloudApi(endpoint).call("GET", "/200") is None


def test_what_is_gone_is_deleted(endpoint: str) -> None:
    assert CloudApi(endpoint).call("DELETE", "/404") is None
    with pytest.raises(TargetError):
        CloudApi(endpoint).call("GET", "/404")


def test_a_cloud_may_ask_to_be_left_alone(endpoint: str) -> None:
    with pytest.raises(TargetError) as raised:
        CloudApi(endpoint).call("GET", "/429")
    assert raised.value.retry_after_s == 7


@pytest.mark.parametrize("path", ["/204"])
def test_what_is_no_json_is_no_answer(endpoint: str, path: str) -> None:
    with pytest.raises(TargetError) as raised:
        CloudApi(endpoint).call("GET", path)
    assert raised.value.reason == "CloudUnreachable"


def test_nobody_answers() -> None:
    with pytest.raises(TargetError, match="does not answer") as raised:
        CloudApi("http://127.0.0.1:1").call("GET", "/")
    assert raised.value.reason == "CloudUnreachable"
