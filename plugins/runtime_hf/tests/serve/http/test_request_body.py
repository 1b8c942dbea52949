"""The bytes of a body: one meaning, or a refusal that names what is wrong."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from typing import Any

import httpx
import pytest
from fastapi import Request
from pydantic import BaseModel
from starlette.types import Message

from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.request_body import json_body
from llmwright_runtime_hf.serve.http.request_fields import CHAT, CHAT_COMPLETIONS, COMPLETIONS
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest
from llmwright_runtime_hf.serve.http.responses_request import ResponsesRequest

PROMPT = b'{"prompt": "caf\xc3\xa9", "max_tokens": 1}'


def refused(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize(
    ("route", "body", "path"),
    [
        (COMPLETIONS, b'{"prompt": "a", "max_tokens": 1, "max_tokens": 500}', "max_tokens"),
        (COMPLETIONS, b'{"prompt": "a", "max_tokens": 1, "max_tokens": 1}', "max_tokens"),
        (COMPLETIONS, b'{"prompt": "a", "stop": "x", "st\\u006fp": null}', "stop"),
        (COMPLETIONS, b'{"prompt": "a", "logit_bias": {"5": 1, "5": 2}}', "logit_bias.5"),
        (COMPLETIONS, b'{"prompt": "a", "metadata": {"x": 1, "x": 2}}', "metadata.x"),
        (CHAT, b'{"prompt": "a", "prompt": "b"}', "prompt"),
        (CHAT, b'{"prompt": "a", "generate_kwargs": {"top_k": 1, "top_k": 2}}', "generate_kwargs.top_k"),
        (CHAT, b'{"prompt": "a", "generate_kwargs": {}, "generate_kwargs": {"top_k": 2}}', "generate_kwargs"),
        (
            CHAT_COMPLETIONS,
            b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}',
            "messages.0.content",
        ),
    ],
)
def test_a_name_that_stands_twice_is_refused_by_its_path(
    http: httpx.Client, route: str, body: bytes, path: str
) -> None:
    error = refused(http.post(route, content=body))

    assert error["message"] == f"{path} stands twice; give it once"
    assert (error["param"], error["code"]) == (path, "invalid_value")


def test_a_name_that_is_megabytes_long_is_cut_in_its_refusal(http: httpx.Client) -> None:
    name = "x" * 1_000_000
    for body in ({name: 1, "prompt": "a"}, {"prompt": "a", "model": name}):
        answer = http.post(COMPLETIONS, json=body)
        assert answer.status_code in (400, 404)
        assert len(answer.content) < 2000
    digits = b"9" * 4000
    assert len(http.post(COMPLETIONS, content=b'{"prompt": [%b]}' % digits).content) < 2000


WRONG = b"[" + b"1," * 20_000 + b"1]"
TEXTS = WRONG.replace(b"1", b'"x"')
NAMES = b",".join(b'"%d": "x"' % number for number in range(20_000))


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        (ChatCompletionRequest, b'{"messages": %b}' % WRONG, "messages.0"),
        (ChatCompletionRequest, b'{"messages": [{"role": "tool", "content": %b}]}' % WRONG, "messages.0.content.0"),
        (ChatCompletionRequest, b'{"messages": [], "tools": %b}' % WRONG, "tools.0"),
        (CompletionRequest, b'{"prompt": "a", "stop": %b}' % WRONG, "stop.0"),
        (CompletionRequest, b'{"prompt": "a", "stop_token_ids": %b}' % TEXTS, "stop_token_ids.0"),
        (CompletionRequest, b'{"prompt": "a", "allowed_token_ids": %b}' % TEXTS, "allowed_token_ids.0"),
        (CompletionRequest, b'{"prompt": "a", "guided_choice": %b}' % WRONG, "guided_choice.0"),
        (ResponsesRequest, b'{"input": %b}' % WRONG, "input.0"),
        (ResponsesRequest, b'{"input": [{"role": "user", "content": %b}]}' % WRONG, "input.0.content.0"),
        (CompletionRequest, b'{"prompt": "a", "logit_bias": {%b}}' % NAMES, None),
        (CompletionRequest, b'{"prompt": "a", "response_format": {"type": "text", %b}}' % NAMES, None),
    ],
)
def test_a_body_of_many_faults_is_refused_for_one(model: type[BaseModel], body: bytes, path: str | None) -> None:
    """Pydantic makes kilobytes of each fault: a body of 8 MB would take gigabytes and half a minute."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def read() -> BaseModel:
        return await json_body(model)(Request({"type": "http", "method": "POST", "headers": []}, receive))

    tracemalloc.start()
    with pytest.raises(ApiError) as refused:
        asyncio.run(read())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refused.value.status_code == 400
    assert refused.value.param == path
    assert peak < 30 * len(body) + 2**20


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"\xef\xbb\xbf" + PROMPT),
        ({"Content-Encoding": "identity"}, PROMPT),
        ({"Content-Type": "application/json; charset=UTF-8"}, PROMPT),
        ({"Content-Type": 'application/json;charset="utf8"; x=y'}, PROMPT),
        ({"Content-Type": "application/x-www-form-urlencoded"}, PROMPT),
        ({"Content-Type": "application/json; charset=ISO-8859-1"}, b'{"prompt": "caf\\u00e9", "max_tokens": 1}'),
    ],
)
def test_the_same_text_in_every_way_to_send_it(http: httpx.Client, headers: dict[str, str], body: bytes) -> None:
    answer = http.post(COMPLETIONS, content=body, headers=headers)

    plain = http.post(COMPLETIONS, content=PROMPT)
    assert answer.json()["choices"] == plain.json()["choices"]
    assert answer.json()["usage"] == plain.json()["usage"]


@pytest.mark.parametrize(
    ("headers", "body", "header", "said"),
    [
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(PROMPT, mtime=0),
            "Content-Encoding",
            "Content-Encoding gzip is not read",
        ),
        ({"Content-Encoding": "br"}, b"\x8b\x0e\x80", "Content-Encoding", "Content-Encoding br is not read"),
        (
            {"Content-Type": "application/json; charset=ISO-8859-1"},
            b'{"prompt": "caf\xe9"}',
            "Content-Type",
            "the charset iso-8859-1 is not read",
        ),
        (
            {"Content-Type": "application/json; charset=windows-1252"},
            PROMPT,
            "Content-Type",
            "the charset windows-1252",
        ),
        (
            {"Content-Type": "application/json; charset=utf-16"},
            PROMPT.decode().encode("utf-16"),
            "Content-Type",
            "the charset utf-16",
        ),
    ],
)
def test_other_encodings_are_refused_by_name(
    http: httpx.Client, headers: dict[str, str], body: bytes, header: str, said: str
) -> None:
    error = refused(http.post(COMPLETIONS, content=body, headers=headers), 415)

    assert error["param"] == header
    assert said in error["message"]


def test_a_body_in_chunks_is_the_same_body(http: httpx.Client) -> None:
    whole = http.post(COMPLETIONS, content=PROMPT).json()
    # Cut within a character.
    parts = iter([PROMPT[:16], PROMPT[16:17], b"", PROMPT[17:]])

    assert http.post(COMPLETIONS, content=parts).json()["choices"] == whole["choices"]


@pytest.mark.parametrize("text", [rb"\ud83d", rb"\ude00", rb"\ude00\ud83d", rb"a\ud800b"])
def test_half_of_a_character_is_no_text(http: httpx.Client, text: bytes) -> None:
    for body in (b'{"prompt": "%b"}' % text, b'{"prompt": "a", "stop": ["%b"]}' % text):
        assert "the body is not JSON" in refused(http.post(COMPLETIONS, content=body))["message"]
