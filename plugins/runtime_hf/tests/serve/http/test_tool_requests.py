"""Tools, as OpenAI's client asks for them: demanded, free, streamed, and back in the conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.support.hf_server import RunningServer, running_server
from tests.support.tiny_models import byte_level_tokenizer, save_model, save_tokenizer

TEMPLATE = (
    "{% if tools %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}:{{ c.function.arguments.place }}</tool_call>"
    "{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WEATHER = {
    "type": "object",
    "properties": {"place": {"enum": ["Paris", "Oslo"]}, "days": {"$ref": "#/$defs/days"}},
    "required": ["place", "days"],
    "additionalProperties": False,
    "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "now"}},
]
WRONG = {"type": "function", "function": {"name": "a", "parameters": {"type": "x"}}}
MESSAGES: Any = [{"role": "user", "content": "What is the weather?"}]
CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo", "days": 2}}\n</tool_call>'


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A model whose template writes tools, with calls in Hermes' form."""
    base = tmp_path_factory.mktemp("helper")
    save_model(base, save_tokenizer(base, chat_template=TEMPLATE, pad_token="<|end|>"))
    flags = ("--model", str(base), "--served-model-name", "helper", "--tool-call-parser", "hermes", "--threads", "1")
    with running_server(base / "log", *flags) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def caller(helper: RunningServer) -> Iterator[openai.OpenAI]:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    with openai.OpenAI(base_url=f"{helper.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """The same model, with calls in the form of Qwen3 Coder."""
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    base = tmp_path_factory.mktemp("coder")
    backend = byte_level_tokenizer(special=["<|end|>", "<tool_call>", "</tool_call>"], vocabulary=302)
    save_model(base, save_tokenizer(base, backend, chat_template=TEMPLATE, pad_token="<|end|>"))
    flags = (
        "--model",
        str(base),
        "--served-model-name",
        "helper",
        "--tool-call-parser",
        "qwen3_coder",
        "--threads",
        "1",
    )
    with running_server(base / "log", *flags) as running:
        running.wait_until_ready()
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as made:
            yield made


def ask(caller: openai.OpenAI, **fields: Any) -> Any:
    asked: dict[str, Any] = {"model": "helper", "messages": MESSAGES, "max_tokens": 400, "tools": TOOLS, **fields}
    return caller.chat.completions.create(**asked)


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_a_named_tool_is_called_with_its_parameters(caller: openai.OpenAI, temperature: float) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    choice = ask(caller, tool_choice=named, temperature=temperature, seed=1).choices[0]

    (call,) = choice.message.tool_calls
    assert (call.function.name, choice.finish_reason, choice.message.content) == ("weather", "tool_calls", None)
    arguments = json.loads(call.function.arguments)
    assert arguments["place"] in ("Paris", "Oslo")
    assert arguments["days"] in range(1, 10)


def test_a_required_tool_is_one_of_them(caller: openai.OpenAI) -> None:
    names = {
        call.function.name
        for choice in ask(caller, tool_choice="required", n=8, temperature=2, seed=3, parallel_tool_calls=False).choices
        for call in choice.message.tool_calls
    }

    assert names == {"weather", "now"}


def test_a_call_streams_as_a_name_and_its_arguments(caller: openai.OpenAI) -> None:
    chunks = [*ask(caller, tool_choice="required", parallel_tool_calls=False, stream=True)]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    whole = ask(caller, tool_choice="required", parallel_tool_calls=False).choices[0].message.tool_calls[0]

    assert calls[0].id
    assert calls[0].function.name == whole.function.name
    assert "".join(call.function.arguments or "" for call in calls) == whole.function.arguments
    assert {call.index for call in calls} == {0}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_free_answers_are_text_with_calls(caller: openai.OpenAI, stream: bool) -> None:
    said = f"Let me look.\n{CALL}\n{CALL}"
    with caller.chat.completions.stream(
        model="helper", messages=MESSAGES, tools=TOOLS, extra_body={"guided_choice": [said]}
    ) as events:
        streamed: Any = events.get_final_completion().choices[0]
    choice = streamed if stream else ask(caller, extra_body={"guided_choice": [said]}).choices[0]

    assert choice.message.content.strip() == "Let me look."
    assert [call.function.name for call in choice.message.tool_calls] == ["weather", "weather"]
    assert len({call.id for call in choice.message.tool_calls}) == 2
    assert choice.finish_reason == "tool_calls"


def test_none_reads_no_calls(caller: openai.OpenAI) -> None:
    choice = ask(caller, tool_choice="none", extra_body={"guided_choice": [CALL]}).choices[0]

    assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == (CALL, None, "stop")


def test_a_conversation_goes_on_with_the_answer_of_a_tool(caller: openai.OpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    talk = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "rain"},
    ]
    shorter = ask(caller, messages=MESSAGES, max_tokens=1).usage.prompt_tokens
    assert ask(caller, messages=talk, max_tokens=1).usage.prompt_tokens >= shorter + len("weather:Oslo") + len("rain")


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"tools": [{"type": "web"}]}, "tools.0.type", "function"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name", "pattern"),
        ({"tools": [TOOLS[1], TOOLS[1]]}, "tools.1.function.name", "now stands twice"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice", "there are no tools"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", "x is not among the tools"),
        ({"tool_choice": "required", "response_format": {"type": "json_object"}}, "tool_choice", "both ask"),
        ({"tools": [WRONG], "tool_choice": "required"}, "tools", "Invalid type: x"),
    ],
)  # fmt: skip
def test_wrong_tools_are_refused(caller: openai.OpenAI, fields: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(caller, **fields)
    assert (refused.value.param or "").startswith(path), refused.value
    assert said in refused.value.message


def test_a_server_without_a_format_of_calls_says_so(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no format of tool calls is known for this model"):
        client.chat.completions.create(model="tiny", messages=MESSAGES, tools=TOOLS)


def test_a_coder_is_held_to_its_own_form(coder: openai.OpenAI) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    choice = ask(coder, tool_choice=named, temperature=1.5, seed=1).choices[0]

    (call,) = choice.message.tool_calls
    assert (call.function.name, choice.finish_reason, choice.message.content) == ("weather", "tool_calls", None)
    arguments = json.loads(call.function.arguments)
    assert arguments["place"] in ("Paris", "Oslo")
    assert arguments["days"] in range(1, 10)


def test_a_coder_s_calls_stream_with_types(coder: openai.OpenAI) -> None:
    said = (
        "Let me look.\n<tool_call>\n<function=weather>\n<parameter=place>\nOslo\n</parameter>\n<parameter=days>\n2\n"
        "</parameter>\n</function>\n</tool_call>"
    )
    special = {f"{sign}tool_call>" for sign in ("<", "</")}
    lark = " ".join(
        f"<[{index}]>" if part in special else json.dumps(part)
        for part, index in ((part, 1 if part == "<tool_call>" else 2) for part in re.split("(</?tool_call>)", said))
        if part
    )
    with coder.chat.completions.stream(
        model="helper", messages=MESSAGES, tools=TOOLS, extra_body={"guided_grammar": f"start: {lark}"}
    ) as events:
        choice: Any = events.get_final_completion().choices[0]

    assert choice.message.content.strip() == "Let me look."
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"place": "Oslo", "days": 2})
    assert choice.finish_reason == "tool_calls"
