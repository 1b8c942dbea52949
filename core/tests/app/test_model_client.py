"""The client of a served model, against an endpoint made of canned answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from llmwright.api.workspace import Workspace
from llmwright.app.model_client import Conversation, ModelClient, choose_model, endpoint_of
from llmwright.errors import ConfigError, NotYet, TargetError

Answer = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answer, key: str | None = None) -> ModelClient:
    return ModelClient("http://model", key, httpx.MockTransport(answer))


def streamed(*events: Any) -> httpx.Response:
    lines = [f"data: {event if isinstance(event, str) else json.dumps(event)}" for event in events]
    return httpx.Response(200, text="\n\n".join(lines), headers={"content-type": "text/event-stream; charset=utf-8"})


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def whole(text: str) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": {"content": text}}]})


def workspace(tuned: bool = False) -> Workspace:
    purpose = "tuning" if tuned else "inference"
    data = {"metadata": {"name": "mine"}, purpose: {"preset": {"name": "demo"}}}
    return Workspace.model_validate({"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", **data})


def test_the_key_is_sent_and_not_shown() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        return httpx.Response(200, json={"data": [{"id": "demo"}, {"id": "mine"}]})

    with client_of(answer, "secret") as client:
        assert client.models() == ["demo", "mine"]
        assert "secret" not in repr(client)


def test_pieces_end_with_done() -> None:
    with client_of(lambda _: streamed(piece("I "), piece("am"), "[DONE]", piece("not"))) as client:
        assert list(client.stream("demo", [], {})) == ["I ", "am"]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_told_apart_and_is_no_part_of_the_conversation(name: str) -> None:
    thought: dict[str, Any] = {"choices": [{"delta": {name: "Hm. "}}]}
    heard: list[str] = []
    with client_of(lambda _: streamed(thought, thought, piece("I am"), "[DONE]")) as client:
        conversation = Conversation(client, "demo")
        assert list(conversation.stream("Who?", heard.append)) == ["I am"]
        assert list(client.stream("demo", [], {})) == ["I am"]
    assert heard == ["Hm. ", "Hm. "]
    assert conversation.messages[-1]["content"] == "I am"


def test_a_server_that_does_not_stream_answers_in_one_piece() -> None:
    with client_of(lambda _: whole("I am")) as client:
        assert list(client.stream("demo", [], {})) == ["I am"]


def test_a_stream_that_breaks_off() -> None:
    with (
        client_of(lambda _: streamed(piece("I "), {"error": {"message": "out of memory"}})) as client,
        pytest.raises(TargetError, match="broke off: out of memory"),
    ):
        list(client.stream("demo", [], {}))


@pytest.mark.parametrize(
    ("code", "error"), [(400, ConfigError), (401, ConfigError), (404, ConfigError), (503, TargetError)]
)
def test_who_may_repair_a_refusal(code: int, error: type[Exception]) -> None:
    with client_of(lambda _: httpx.Response(code, json={"error": {"message": "why"}})) as client:
        for ask in (client.models, lambda: client.answer("demo", [], {}), lambda: list(client.stream("demo", [], {}))):
            with pytest.raises(error, match="why"):
                ask()


def test_nobody_answers() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with client_of(refuse) as client:
        for ask in (client.models, lambda: client.answer("demo", [], {}), lambda: list(client.stream("demo", [], {}))):
            with pytest.raises(TargetError, match="no answer from http://model: connection refused"):
                ask()


def test_a_conversation_remembers_what_was_said_and_takes_a_failed_turn_back() -> None:
    bodies: list[Any] = []
    answers = iter([streamed(piece("Hello"), "[DONE]"), httpx.Response(503), whole("Bye")])

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return next(answers)

    with client_of(answer) as client:
        conversation = Conversation(client, "demo", system="Be short.", max_tokens=9)
        assert "".join(conversation.stream("Hi")) == "Hello"
        with pytest.raises(TargetError):
            conversation.ask("Lost")
        assert conversation.ask("Go") == "Bye"
    assert [(message["role"], message["content"]) for message in conversation.messages] == [
        ("system", "Be short."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Go"),
        ("assistant", "Bye"),
    ]
    assert {(body["model"], body["max_tokens"], body["temperature"]) for body in bodies} == {("demo", 9, 0.0)}


def test_the_tuned_model_is_asked_first() -> None:
    with client_of(lambda _: httpx.Response(200, json={"data": [{"id": "demo"}, {"id": "mine"}]})) as client:
        assert choose_model(client, workspace(), None) == "demo"
        assert choose_model(client, workspace(tuned=True), None) == "mine"
        assert choose_model(client, workspace(tuned=True), "demo") == "demo"
        with pytest.raises(ConfigError, match="no model 'other' is served there") as error:
            choose_model(client, workspace(), "other")
        assert error.value.hint == "served: demo, mine"


def test_a_workspace_without_an_endpoint() -> None:
    with pytest.raises(NotYet, match="default/mine does not answer yet: it was not started yet"):
        endpoint_of(workspace())
