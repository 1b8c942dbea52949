"""Chat messages as templates take them."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.values.messages import MessageError, for_template, render


def test_parts_are_joined_and_no_content_is_empty_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert for_template({"role": "user", "content": parts})["content"] == "ab"
    assert for_template({"role": "assistant", "content": None, "name": "n"}) == {
        "role": "assistant",
        "content": "",
        "name": "n",
    }


@pytest.mark.parametrize("written", ['{"city": "Paris"}', {"city": "Paris"}])
def test_arguments_of_tool_calls_become_objects(written: Any) -> None:
    call = {"id": "1", "function": {"name": "weather", "arguments": written}}
    (result,) = for_template({"role": "assistant", "content": "", "tool_calls": [call]})["tool_calls"]
    assert result == {"id": "1", "function": {"name": "weather", "arguments": {"city": "Paris"}}}


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"content": [{"type": "image_url"}]}, r"content\[0\] is of type 'image_url'"),
        ({"content": ["text"]}, r"content\[0\] is no part"),
        ({"content": 5}, "neither text nor a list"),
        ({"content": "", "tool_calls": [{}]}, r"tool_calls\[0\] has no function"),
        ({"content": "", "tool_calls": [{"function": {"arguments": "["}}]}, "no JSON object"),
        ({"content": "", "tool_calls": [{"function": {"arguments": "[" * 100000}}]}, "no JSON object"),
        ({"content": "", "tool_calls": [{"function": {"arguments": 1}}]}, "no JSON object"),
    ],
)
def test_what_no_template_can_take_is_refused(message: dict[str, Any], fault: str) -> None:
    with pytest.raises(MessageError, match=fault):
        for_template(message)


def show(messages: list[dict[str, Any]]) -> str:
    return "".join(f"{message['role']}:{message['content']}" for message in messages)


def test_developer_is_system_where_the_template_does_not_know_it() -> None:
    messages = [{"role": "developer", "content": "Be brief."}]
    assert render(show, messages, "{{ messages }}") == "system:Be brief."
    assert render(show, messages, "{% if m.role == 'developer' %}") == "developer:Be brief."
