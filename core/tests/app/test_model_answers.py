"""What servers send is read with patience, and what is no answer is one error."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from llmwright.api.workspace import Workspace
from llmwright.app.model_answers import pieces_of, well_formed, whole_text
from llmwright.app.model_client import ModelClient, choose_model
from llmwright.errors import ConfigError, TargetError

DONE = "data: [DONE]\n\n"


def event(text: str) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}}]})


def pieces(*parts: str) -> list[str]:
    return list(pieces_of([part.encode() for part in parts]))


@pytest.mark.parametrize(
    "stream",
    [
        f"data:{event('I am')}\r\n\r\n{DONE}",
        f": ping\n\nevent: ping\ndata: {{}}\n\ndata:\n\ndata: {event('I am')}\n\n{DONE}",
        f"data: {event('I ')}\ndata: {event('am')}\n\n{DONE}",
        f"data: {event('I ')}\ndata: {event('am')}\ndata: [DONE]\n",
        "data: {\ndata: " + event("I am")[1:] + f"\n\n{DONE}",
        'data: {"choices": [{"delta": {"content": "I am"}, "finish_reason": "stop"}]}\n\n',
        'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "I am"}]}}]}\n\n' + DONE,
        'data: {"choices": [{"text": "I am"}]}\n\n' + DONE,
        'data: {"choices": [{"delta": {"role": "assistant", "content": null, "refusal": "I am"}}]}\n\n' + DONE,
        f"data: {event('I am')}\n\n" + 'data: {"choices": [], "usage": {"total_tokens": 5}}\n\n' + DONE,
        'data: {"choices": [{"delta": null}, 5]}\n\ndata: {"choices": null}\n\ndata: ' + event("I am") + f"\n\n{DONE}",
        f"id: 7\nevent: message\ndata: {event('I am')}\n\n{DONE}data: after the end\n\n",
    ],
)
def test_streams_of_all_servers(stream: str) -> None:
    assert "".join(pieces(*stream)) == "I am"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ('data: {"error": {"message": "out of memory"}}\n\n', "broke off: out of memory"),
        ('data: {"error": "out of memory"}\n\n', "broke off: out of memory"),
        ('data: {"object": "error", "message": "out of memory"}\n\n', "broke off: out of memory"),
        ('event: error\ndata: {"message": "out of memory"}\n\n', "broke off: out of memory"),
        ("event: error\ndata: out of memory\n\n", "broke off: out of memory"),
        ("", "broke off: the stream ended in the middle"),
        ("data: <html>\n\n", "the stream is not of the OpenAI API: <html>"),
        ("data: [1]\n\n", "the stream is not of the OpenAI API"),
        ("data: " + "[" * 100_000 + "\n\n", "the stream is not of the OpenAI API"),
    ],
)
def test_a_stream_that_goes_wrong_is_one_error(sent: str, why: str) -> None:
    read = pieces_of([f"data: {event('I ')}\n\n".encode(), sent.encode()])

    assert next(read) == "I "
    with pytest.raises(TargetError, match=why.replace("[", r"\[")) as error:
        list(read)
    assert len(str(error.value)) < 1000


def test_no_piece_holds_half_a_character() -> None:
    halves = [
        r'data: {"choices": [{"delta": {"content": "a\ud83d"}}]}' + "\n\n",
        r'data: {"choices": [{"delta": {"content": "\ude00b\u0000\u2028"}}]}' + "\n\n",
        r'data: {"choices": [{"delta": {"content": "\ude00c\ud83d"}}]}' + "\n\n",
    ]

    assert pieces(*halves, DONE) == ["a", "\U0001f600b\0\u2028", "\ufffdc", "\ufffd"]


def test_well_formed_text_stays() -> None:
    assert well_formed("") == ""
    assert well_formed("\0é\u2028\U0001f600\uffff") == "\0é\u2028\U0001f600\uffff"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"choices": [{"message": {"content": None}}]}, ""),
        ({"choices": [{"message": {"content": "\ud800"}}]}, "\ufffd"),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]}, "a"),
        ({"choices": [{}]}, ""),
        ({"choices": [{"message": {"content": None, "refusal": "I must not."}}]}, "I must not."),
        ({"choices": [{"message": {"content": "a", "refusal": None}}]}, "a"),
    ],
)
def test_whole_answers_of_all_servers(content: dict[str, Any], text: str) -> None:
    assert whole_text(content) == text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", f"data: {event('I am')}\n\n{DONE}"),
        ("application/json", f": warming up\n\ndata: {event('I am')}\r\n\r\n{DONE}"),
        ("application/octet-stream", f"\ufeffevent: message\ndata: {event('I am')}\n\n{DONE}"),
        ("application/json", '\ufeff{"choices": [{"message": {"content": "I am"}}]}'),
        ("text/html", '\n {"choices": [{"message": {"content": "I am"}}]}'),
    ],
)
def test_an_answer_is_read_by_its_form_and_not_by_its_content_type(kind: str, body: str) -> None:
    answer = httpx.Response(200, content=body.encode(), headers={"content-type": kind})
    with ModelClient("http://model", None, httpx.MockTransport(lambda _: answer)) as client:
        assert client.answer("demo", [], {}) == "I am"
        assert list(client.stream("demo", [], {})) == ["I am"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": 5}', b"\xff", b""])
def test_what_is_no_answer_is_one_error(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    with ModelClient("http://model", None, transport) as client:
        for ask in (lambda: client.answer("demo", [], {}), lambda: list(client.stream("demo", [], {}))):
            with pytest.raises(TargetError, match="is not of the OpenAI API"):
                ask()


@pytest.mark.parametrize("body", [b'{"data": []}', b"{}", b'{"data": [1, {}]}'])
def test_an_endpoint_without_models_says_so(body: bytes) -> None:
    mine = {"metadata": {"name": "mine"}, "inference": {"preset": {"name": "demo"}}}
    workspace = Workspace.model_validate({"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", **mine})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    with ModelClient("http://model", None, transport) as client, pytest.raises(TargetError, match="lists no model"):
        choose_model(client, workspace, None)


@pytest.mark.parametrize(
    "error", [{"error": "why"}, {"error": {"message": "why"}}, {"detail": "why"}, {"message": "why"}]
)
def test_refusals_of_all_servers(error: dict[str, Any]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json=error))
    with ModelClient("http://model", None, transport) as client, pytest.raises(ConfigError, match="answered 400: why"):
        client.models()


def test_a_question_from_a_terminal_of_another_encoding_can_be_sent() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["messages"][0]["content"])
        return httpx.Response(200, json={"choices": [{"message": {"content": "yes"}}]})

    with ModelClient("http://model", None, httpx.MockTransport(answer)) as client:
        assert client.answer("demo", [{"role": "user", "content": "caf\udce9"}], {}) == "yes"
    assert asked == ["caf\ufffd"]


def test_a_key_with_a_line_break_at_its_end_is_that_key() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        return httpx.Response(200, json={"data": [{"id": "demo"}]})

    with ModelClient("http://model", " secret \n", httpx.MockTransport(answer)) as client:
        assert client.models() == ["demo"]


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="no HTTP header can hold") as error:
        ModelClient("http://model", key)
    assert key not in str(error.value)
