"""Errors of Ray Serve LLM reach the client in OpenAI's shape; answers and streams stay as they are."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from llmwright_runtime_ray.serve.llm_errors import LlmErrors, words_of

WRAPPED = (
    "Message: temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0) (Request ID: ac9), "
    "Internal exception: ray.llm._internal.serve.OpenAIHTTPException (Request ID: ac9), original exception: "
)


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (
            json.dumps({"error": {"message": WRAPPED, "code": 400}}),
            "temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0)",
            "temperature",
        ),
        (json.dumps({"error": {"message": "Message: a\nb, Internal exception: x"}}), "a\nb", None),
        (json.dumps({"error": {"message": "vllm.exceptions.VLLMValidationError: no tools"}}), "no tools", None),
        (json.dumps({"detail": "Not Found"}), "Not Found", None),
        (json.dumps({"detail": [{"loc": ["body"]}]}), '[{"loc": ["body"]}]', None),
        (json.dumps(["odd"]), '["odd"]', None),
        ("{broken", "{broken", None),
    ],
)
def test_an_error_says_what_is_wrong_and_nothing_of_ray(body: str, message: str, param: str | None) -> None:
    assert words_of(body.encode()) == (message, param)


def through(status: int, kind: str, *parts: bytes) -> list[Message]:
    got: list[Message] = []
    headers = [(b"content-type", kind.encode()), (b"Access-Control-Allow-Origin", b"*"), (b"x-request-id", b"1")]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for place, part in enumerate(parts):
            more = place < len(parts) - 1
            await send({"type": "http.response.body", "body": part, "more_body": more})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.append(message)

    asyncio.run(LlmErrors(app)({"type": "http", "method": "POST", "path": "/v1/completions"}, receive, send))
    return got


def test_an_error_in_parts_is_one_error() -> None:
    start, body = through(404, "application/json", b'{"detail": ', b'"no model"}')
    assert start["status"] == 404
    assert json.loads(body["body"])["error"] == {
        "message": "no model",
        "type": "not_found_error",
        "param": None,
        "code": None,
    }


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "text/event-stream"), (200, "application/json"), (503, "text/plain")]
)
def test_the_rest_passes_without_ray_s_headers_for_strange_origins(status: int, kind: str) -> None:
    start, *bodies = through(status, kind, b"data: 1\n\n", b"data: 2\n\n")
    assert [name for name, _ in start["headers"]] == [b"content-type", b"x-request-id"]
    assert [body["body"] for body in bodies] == [b"data: 1\n\n", b"data: 2\n\n"]


@pytest.mark.parametrize(("status", "wait"), [(429, [b"1"]), (503, [b"1"]), (400, [])])
def test_who_is_refused_for_load_is_told_when_to_ask_again(status: int, wait: list[bytes]) -> None:
    start, *_ = through(status, "application/json", b'{"error": {"message": "too many"}}')
    assert [value for name, value in start["headers"] if name == b"retry-after"] == wait
