"""A field of a message is in the prompt, has no effect by the table, or is refused by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmwright.values.message_fields import must_be_read
from llmwright_runtime_hf.serve.http.messages import (
    Message,
    messages_for_template,
    refuse_dropped,
    without_double_reasoning,
)
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.request_fields import CHAT_COMPLETIONS

DOCUMENT = Path(__file__).parents[5] / "docs" / "requests.md"
USER = {"role": "user", "content": "hi"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def asked(http: httpx.Client, *messages: dict[str, Any]) -> httpx.Response:
    return http.post(CHAT_COMPLETIONS, json={"messages": messages, "max_tokens": 1, "temperature": 0})


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"role": "user", "contnet": "hi"}, "messages.1.contnet"),
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, "messages.1.tool_calls"),
        ({"role": "assistant", "content": "a", "prefix": True}, "messages.1.prefix"),
        ({"role": "user", "content": "hi", "recipient": "f"}, "messages.1.recipient"),
        ({"role": "assistant", "content": "a", "end_turn": False}, "messages.1.end_turn"),
        ({"role": "user", "content": "hi", "seed": 0}, "messages.1.seed"),
        ({"role": "user"}, "messages.1.content"),
        ({"role": "user", "content": None}, "messages.1.content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, "messages.1.content"),
    ],
)
def test_what_the_template_does_not_write_is_refused_by_name(
    http: httpx.Client, message: dict[str, Any], path: str
) -> None:
    answer = asked(http, USER, message, USER)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == path
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Ada", "reasoning_content": "because", "tool_call_id": "1"},
        {"weight": 0, "id": "x", "annotations": [{"type": "url_citation"}], "cache_control": {"type": "ephemeral"}},
        {"timestamp": "2026-01-01", "message_id": "m1", "model": "m", "finish_reason": "stop", "usage": {"n": 1}},
        {"metadata": {"a": 1}, "createdAt": 5, "turn_identifier": 7, "score": 1, "type": "message", "end_turn": True},
        {"refusal": None, "tool_calls": None, "function_call": None, "audio": None, "name": None, "prefix": False},
    ],
)
def test_what_changes_no_answer_is_taken(http: httpx.Client, fields: dict[str, Any]) -> None:
    plain, more = asked(http, USER), asked(http, {**USER, **fields})

    assert more.status_code == 200, more.text
    assert more.json()["choices"] == plain.json()["choices"]


def rendered(template: str, plain: list[dict[str, Any]]) -> str:
    return "".join(str(message if template == "{{ message }}" else message["content"]) for message in plain)


@pytest.mark.parametrize(
    ("template", "refused"),
    [
        ("{{ message.content }}", True),
        ("{{ message.content }}{{ message.tool_calls_of }}", True),
        ("{{ message.content }}{% if message.tool_calls %}{% endif %}", False),
        ("{{ message['content'] }}{{ message['tool_calls'] }}", False),
        ("{{ message }}", False),
    ],
)
def test_a_template_reads_what_it_names_or_writes_whole(template: str, refused: bool) -> None:
    messages = [Message.model_validate({"role": "assistant", "content": "a", "tool_calls": [CALL]})]
    plain = messages_for_template(messages)
    text = rendered(template, plain)
    if not refused:
        refuse_dropped(plain, template, text, lambda plain: rendered(template, plain))
        return
    with pytest.raises(ApiError, match=r"messages\.0\.tool_calls: the chat template of this model does not write it"):
        refuse_dropped(plain, template, text, lambda plain: rendered(template, plain))


SYSTEM = {"role": "system", "content": "Be brief."}


def without_system(plain: list[dict[str, Any]]) -> str:
    return "".join(str(message["content"]) for message in plain if message["role"] != "system")


def test_messages_of_a_role_that_the_template_leaves_out_are_refused() -> None:
    with pytest.raises(ApiError, match=r"messages\.1, of the role system: the chat template of this model") as caught:
        refuse_dropped([USER, SYSTEM, SYSTEM], "", "hi", without_system)
    assert caught.value.param == "messages.1"
    refuse_dropped([USER, {**SYSTEM, "content": " "}], "", "hi", without_system)


def test_a_template_may_write_a_content_in_its_own_way() -> None:
    def upper(plain: list[dict[str, Any]]) -> str:
        return "".join(str(message["content"]).upper() for message in plain)

    def strict(plain: list[dict[str, Any]]) -> str:
        if plain[0]["content"] != "Be brief.":
            raise ValueError("no such tone")
        return "<tone-1>"

    refuse_dropped([SYSTEM, USER], "", upper([SYSTEM, USER]), upper)
    refuse_dropped([SYSTEM], "", strict([SYSTEM]), strict)


def test_the_document_names_fields_without_effect() -> None:
    _, _, table = DOCUMENT.read_text().partition("| field | |\n|---|---|\n")
    names = re.findall(r"^\| `(\w+)` \| no effect: ", table.partition("\n\n")[0], re.MULTILINE)
    assert len(names) > 5
    assert must_be_read({"role": "user", "content": "hi", **dict.fromkeys(names, "x")}, "") == []


@pytest.mark.parametrize("template", ["{{ m.thinking }}", "{% if 'thinking' in m %}", '{{ m["thinking"] }}'])
@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "thinking"])
def test_a_call_with_text_and_reasoning_keeps_its_text(template: str, name: str) -> None:
    call = {"role": "assistant", "content": "", name: "because", "tool_calls": [CALL]}
    both = {**call, "content": "a"}
    plain = {key: value for key, value in both.items() if key != name}

    assert without_double_reasoning([USER, both], template) == [USER, plain]
    for kept in (call, {**both, "tool_calls": []}, {**both, "role": "user"}):
        assert without_double_reasoning([kept], template) == [kept]
    assert without_double_reasoning([both], "{{ m.content }}{% if enable_thinking %}") == [both]


def test_a_second_call_that_the_template_leaves_out_is_refused() -> None:
    both = {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}

    def first(plain: list[dict[str, Any]]) -> str:
        return "".join(str(message["content"]) + str(message.get("tool_calls", [])[:1]) for message in plain)

    def every(plain: list[dict[str, Any]]) -> str:
        return "".join(str(message["content"]) + str(message.get("tool_calls", [])) for message in plain)

    with pytest.raises(ApiError, match="a second call of one message: the chat template of this model") as caught:
        refuse_dropped([USER, both], "tool_calls", first([USER, both]), first)
    assert caught.value.param == "messages.1.tool_calls.1"
    refuse_dropped([USER, both], "tool_calls", every([USER, both]), every)
    refuse_dropped([USER, {**both, "tool_calls": [CALL]}], "tool_calls", "hi[]", first)
