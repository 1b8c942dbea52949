"""What is answered to requests that cannot be, always in OpenAI's shape."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from tests.support.hf_server import RunningServer, metric
from tests.support.tiny_models import CONTEXT
from tests.support.waiting import wait_until


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert "\n" not in error["message"]
    return error


@pytest.mark.parametrize("route", ["/chat", "/v1/completions"])
def test_an_unknown_model_is_told_which_there_are(http: httpx.Client, route: str) -> None:
    error = error_of(http.post(route, json={"model": "gpt-4", "prompt": "a"}), 404)

    assert error["message"] == "the model 'gpt-4' is not served here; there are: tiny, facts, rhymes, facts.half"
    assert (error["param"], error["code"]) == ("model", "model_not_found")


def test_the_openai_client_raises_its_own_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there are: tiny"):
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "a"}])


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({}, "prompt", "prompt: Field required"),
        ({"prompt": 5}, "prompt", "not 5"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens", "greater than or equal to 1, not 0"),
        ({"prompt": "a", "max_tokens": "7"}, "max_tokens", 'valid integer, not "7"'),
        ({"prompt": "a", "temperature": 2.1}, "temperature", "less than or equal to 2, not 2.1"),
        ({"prompt": "a", "top_p": -1}, "top_p", "greater than or equal to 0, not -1"),
        ({"prompt": "a", "seed": 2**63}, "seed", "less than"),
        ({"prompt": "a", "stop": ["x", ""]}, "stop", "a stop string is empty"),
        ({"prompt": "a", "stop": ["x"] * 17}, "stop", "at most 16 stop strings"),
        ({"prompt": "a", "stream": "yes"}, "stream", 'not "yes"'),
        ({"prompt": "a", "stream_options": {"include_usage": True}}, "stream_options", "is for stream=true"),
        ({"prompt": ["a", ""]}, "prompt", "the prompt is empty"),
        ({"prompt": [5, 100000]}, "prompt", "token id 100000 is not in the vocabulary"),
        ({"prompt": ""}, "prompt", "the prompt is empty"),
        ({"prompt": []}, "prompt", "the prompt is empty"),
    ],
)
def test_a_wrong_field_is_named(http: httpx.Client, body: dict[str, Any], param: str, said: str) -> None:
    error = error_of(http.post("/v1/completions", json=body), 400)

    assert error["param"] == param
    assert said in error["message"]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "at least 1 item"),
        ([{"role": "king", "content": "a"}], "messages.0.role"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], "should be 'text'"),
        ([{"role": "tool", "content": "a"}], "the chat template refuses these messages: tools are not known here"),
    ],
)
def test_wrong_messages_are_refused(http: httpx.Client, messages: list[Any], said: str) -> None:
    assert said in error_of(http.post("/v1/chat/completions", json={"messages": messages}), 400)["message"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"prompt": ', "the body is not JSON: EOF"),
        (b"", "the body is not JSON: EOF"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[1]", "the body must be a JSON object"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(http: httpx.Client, content: bytes, said: str) -> None:
    assert said in error_of(http.post("/chat", content=content), 400)["message"]


def test_a_prompt_beyond_the_context_is_told_in_numbers(http: httpx.Client) -> None:
    error = error_of(http.post("/v1/completions", json={"prompt": [5] * CONTEXT}), 400)

    assert error["message"] == f"the context is {CONTEXT} tokens long; the prompt has {CONTEXT}"
    assert error["code"] == "context_length_exceeded"


def test_an_answer_beyond_the_context_is_told_in_numbers(http: httpx.Client) -> None:
    error = error_of(http.post("/v1/completions", json={"prompt": [5, 6], "max_tokens": CONTEXT - 1}), 400)

    assert error["message"] == (
        f"the context is {CONTEXT} tokens long; the prompt has 2 and max_tokens asks for {CONTEXT - 1} more"
    )
    assert error["param"] == "max_tokens"


def test_a_body_over_the_limit_is_refused_before_it_is_read(http: httpx.Client) -> None:
    error = error_of(http.post("/chat", json={"prompt": "a" * 9_000_000}), 413)

    assert error["code"] == "body_too_large"


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(http: httpx.Client) -> None:
    chunks = (b"a" * 1_000_000 for _ in range(9))

    assert error_of(http.post("/chat", content=chunks), 413)["code"] == "body_too_large"


def test_unknown_paths_and_methods_have_the_same_shape(http: httpx.Client) -> None:
    assert error_of(http.get("/nothing"), 404)["type"] == "not_found_error"
    assert error_of(http.get("/chat"), 405)["type"] == "invalid_request_error"


@pytest.mark.parametrize("route", ["/chat", "/v1/chat/completions", "/v1/completions"])
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "a-key-for-tests", "Basic a-key-for-tests", "Bearer schlüssel"]
)
def test_without_the_key_nothing_is_generated(server: RunningServer, route: str, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode())]
    answer = httpx.post(server.url + route, json={"prompt": "a"}, headers=headers, trust_env=False)

    assert error_of(answer, 401)["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_list_of_models_needs_the_key(server: RunningServer) -> None:
    assert error_of(httpx.get(f"{server.url}/v1/models", trust_env=False), 401)["type"] == "authentication_error"


@pytest.mark.parametrize("route", ["/health", "/metrics", "/version"])
def test_probes_and_metrics_need_no_key(server: RunningServer, route: str) -> None:
    assert httpx.get(server.url + route, trust_env=False).status_code == 200


SAID = [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("fields", "raised", "param"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError, "model"),
        ({"model": "facts.whole"}, openai.NotFoundError, "model"),
        ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
        ({"temperature": -0.1}, openai.BadRequestError, "temperature"),
        ({"stop": ["x"] * 10_000}, openai.BadRequestError, "stop"),
        ({"n": 1000}, openai.BadRequestError, "n"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "user", "content": "a quick " * CONTEXT}]}, openai.BadRequestError, "prompt"),
        ({"messages": [{"role": "user", "content": "a" * 10_000_000}]}, openai.APIStatusError, None),
        ({"extra_body": {"no_such_field": 1}}, openai.BadRequestError, "no_such_field"),
    ],
    ids=["model", "adapter", "no tokens", "cold", "stops", "n", "no messages", "long prompt", "10 MB", "unknown"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_official_client_raises_the_class_of_each_fault(
    client: openai.OpenAI, fields: dict[str, Any], raised: type[openai.APIStatusError], param: str | None, stream: bool
) -> None:
    asked: Any = {"model": "tiny", "messages": SAID, "max_tokens": 1, "stream": stream, **fields}
    with pytest.raises(raised) as error:
        client.chat.completions.create(**asked)

    assert error.value.param == param
    assert error.value.status_code == (413 if param is None else error.value.status_code)
    assert len(error.value.message) < 1000


def test_the_official_client_is_told_of_a_wrong_key(server: RunningServer) -> None:
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "a"}])


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'{"a":' * 200_000, b'{"prompt": ' + b"[" * 500_000 + b"]" * 500_000]
)
def test_a_body_that_is_nested_without_end_is_refused(http: httpx.Client, body: bytes) -> None:
    assert error_of(http.post("/v1/completions", content=body), 400)["code"] in ("invalid_json", "invalid_value")


def test_a_client_that_ends_its_half_leaves_nothing_behind(server: RunningServer, http: httpx.Client) -> None:
    where = urlsplit(server.url)
    body = b'{"prompt": "a", "max_tokens": 2000, "ignore_eos": true, "stream": true}'
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    for sent in (head.encode() + b"Content-Type: application/json\r\n\r\n" + body, head.encode(), b"POST"):
        with socket.create_connection((where.hostname, where.port or 80)) as half:
            half.sendall(sent)
            half.shutdown(socket.SHUT_WR)
            half.settimeout(60)
            while half.recv(65536):
                pass
    wait_until(lambda: metric(http, "llmwright_requests_running") == 0, "no request runs", 60)

    assert http.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).status_code == 200
