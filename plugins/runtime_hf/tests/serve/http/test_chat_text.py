"""Messages as chat templates read them."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright_runtime_hf.serve.http.requests import Message


def call(arguments: object) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [('{"a": [1, null]}', {"a": [1, None]}), ({"a": 1}, {"a": 1}), ("not json", "not json"), ("[1]", "[1]"), ("", "")],
)
def test_the_arguments_of_a_tool_call_are_an_object(arguments: object, seen: object) -> None:
    message = Message.model_validate({"role": "assistant", "content": None, "tool_calls": [call(arguments)]})

    assert message.for_template() == {"role": "assistant", "content": "", "tool_calls": [call(seen)]}


@pytest.mark.parametrize("calls", ["x", [5], [{}], [{"function": 5}], {}])
def test_tool_calls_of_another_form_stay_as_they_are(calls: object) -> None:
    message = Message.model_validate({"role": "assistant", "tool_calls": calls})

    assert message.for_template()["tool_calls"] == calls
