"""Which adapter a request asks for is told to Ray Serve by a header that no client can set."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from llmwright_runtime_hf.serve.serve_options import parse_options
from llmwright_runtime_ray.serve.adapter_of_request import HEADER, AdapterOfRequest

NAMES = parse_options(["--model", "acme/tiny", "--served-model-name", "base", "--adapter", "facts=/a"], {})


def through(*parts: bytes, method: str = "POST") -> tuple[list[str], bytes, list[Message]]:
    """Return the values of the header and the body behind it, and what the client gets."""
    heard: list[bytes] = []
    named: list[str] = []
    got: list[Message] = []
    bodies: list[Message] = [
        {"type": "http.request", "body": part, "more_body": place + 1 < len(parts)} for place, part in enumerate(parts)
    ]

    async def ray(scope: Scope, receive: Receive, send: Send) -> None:
        named.extend(value.decode() for name, value in scope["headers"] if name.replace(b"-", b"_") == HEADER.encode())
        while True:
            message = await receive()
            heard.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return bodies.pop(0)

    async def send(message: Message) -> None:
        got.append(message)

    headers = [(b"serve-multiplexed-model-id", b"forged"), (b"content-type", b"application/json")]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": "/v1/completions", "headers": headers}
    asyncio.run(AdapterOfRequest(ray, NAMES)(scope, receive, send))
    return named, b"".join(heard), got


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"model": "facts", "prompt": "Who"}', ["facts"]),
        (b'\xef\xbb\xbf{"model": "facts"}', ["facts"]),
        (b'{"model": "base"}', []),
        (b'{"prompt": "Who"}', []),
        (b'{"model": 7}', []),
        (b'{"model": ""}', []),
        (b'["facts"]', []),
        (b"no JSON", []),
        (b"", []),
    ],
)
def test_the_header_is_the_body_s_adapter(body: bytes, named: list[str]) -> None:
    assert through(body)[:2] == (named, body)


def test_a_body_in_parts_is_passed_on_whole() -> None:
    assert through(b'{"mod', b'el": "facts"}')[:2] == (["facts"], b'{"model": "facts"}')


def test_a_name_that_nobody_has_is_refused_with_those_that_there_are() -> None:
    named, heard, got = through(b'{"model": "nobody"}')
    assert (named, heard) == ([], b"")
    assert got[0]["status"] == 404
    error = json.loads(got[1]["body"])["error"]
    assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert "base, facts" in error["message"]


def test_other_methods_pass() -> None:
    assert through(b"", method="GET")[2][0]["status"] == 200
