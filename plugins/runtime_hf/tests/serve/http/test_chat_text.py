"""Messages as chat templates read them."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from llmwright_runtime_hf.serve.engine.chat_template import ChatTemplate
from llmwright_runtime_hf.serve.http.chat_text import chat_text
from llmwright_runtime_hf.serve.http.messages import Message
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest


def call(arguments: object) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    ("arguments", "seen"), [('{"a": [1, null]}', {"a": [1, None]}), ({"a": 1}, {"a": 1}), ("", {}), (None, {})]
)
def test_the_arguments_of_a_tool_call_are_an_object(arguments: object, seen: object) -> None:
    message = Message.model_validate({"role": "assistant", "content": None, "tool_calls": [call(arguments)]})

    assert message.for_template() == {"role": "assistant", "content": "", "tool_calls": [call(seen)]}


@pytest.mark.parametrize("calls", ["x", [5], [{}], [{"function": 5}], {}, [call("not json")], [call("[1]")], [call(5)]])
def test_tool_calls_that_no_template_takes_are_refused_with_their_place(calls: object) -> None:
    body = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}]}
    with pytest.raises(ApiError, match=r"messages\[1\]\.tool_calls") as caught:
        chat_text(ChatCompletionRequest.model_validate(body), Mock(), ChatTemplate("{{ messages }}"))
    assert (caught.value.status_code, caught.value.param) == (400, "messages")


@pytest.mark.parametrize("field", ["function_call", "refusal", "audio"])
def test_an_answer_in_a_field_that_no_template_reads_is_refused_by_name(field: str) -> None:
    body = {"messages": [{"role": "assistant", "content": "x", field: {"name": "f"}}]}
    with pytest.raises(ApiError, match=rf"messages\[0\]\.{field} is not read"):
        chat_text(ChatCompletionRequest.model_validate(body), Mock(), ChatTemplate("{{ messages }}"))


def test_null_and_no_calls_are_as_if_absent() -> None:
    """Clients send back the answer that they got, with each field of the API."""
    echoed = {"role": "assistant", "content": "x", "tool_calls": None, "refusal": None, "function_call": None}
    assert Message.model_validate(echoed).for_template() == {"role": "assistant", "content": "x"}
    assert Message.model_validate({**echoed, "tool_calls": []}).for_template() == {"role": "assistant", "content": "x"}
