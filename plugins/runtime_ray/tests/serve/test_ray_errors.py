"""Errors that Ray Serve itself answers become OpenAI's shape; a replica's answers stay as they are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from llmwright_runtime_ray.serve.ray_errors import RayErrors

Answer = list[Message]


def answer(status: int, kind: str, text: bytes) -> Answer:
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]}
    return [start, {"type": "http.response.body", "body": text}]


def through(sent: Answer, scope: dict[str, Any] | None = None) -> tuple[Answer, Scope]:
    """Return what a client gets when Ray's proxy sends ``sent``, and the scope that the proxy got."""
    got: Answer = []
    scopes: list[Scope] = []

    async def ray(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        for message in sent:
            await send(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.append(message)

    asyncio.run(RayErrors(ray)({"type": "http", "method": "POST", "path": "/chat", **(scope or {})}, receive, send))
    return got, scopes[0]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (answer(503, "text/plain", b"Request dropped due to backpressure"), 503, "overloaded"),
        (answer(429, "text/plain", b"Request dropped due to backpressure"), 429, "overloaded"),
        (answer(404, "text/plain", b"Path '/chat' not found"), 503, "not_ready"),
        (answer(500, "text/plain", b"ActorDiedError: secret path"), 500, "replica_lost"),
        ([], 500, "replica_lost"),
    ],
)
def test_an_error_of_ray_is_json_of_openai(sent: Answer, status: int, code: str) -> None:
    got, _ = through(sent)
    start, body = got
    assert start["status"] == status
    assert json.loads(body["body"])["error"]["code"] == code
    assert (b"retry-after", b"1") in start["headers"]


@pytest.mark.parametrize("sent", [answer(200, "text/plain", b"x"), answer(503, "application/json", b"{}")])
def test_an_answer_of_a_replica_stays(sent: Answer) -> None:
    assert through(sent)[0] == sent


def test_objects_of_this_process_do_not_travel() -> None:
    _, scope = through(answer(200, "text/plain", b""), {"app": object(), "endpoint": object(), "headers": []})
    assert scope == {"type": "http", "method": "POST", "path": "/chat", "headers": []}
