"""A model that thinks between marks, as OpenAI's client meets it: on each route, whole and streamed.

The model is a small random one, and a script stands in the place of its choices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient
from tests.support.chat_asking import ask, streamed, whole
from tests.support.scripted_server import scripted_server
from tests.support.serve_options import options_for
from tests.support.thinking_model import save_thinking_model, thinking_tokenizer, tokens_of

CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo"}}\n</tool_call>'
SCRIPTS = {
    "rain": "<think>\nThink of rain.\n</think>\n\nIt rains in Oslo.<|end|>",
    "opened": "Think of rain.</think>It rains.<|end|>",
    "off": "It rains.<|end|>",
    "never": "Think of rain.<|end|>",
    "call": f"<think>Think of rain.</think>\n\n{CALL}<|end|>",
    "rash": f"<think>Think of rain.{CALL}<|end|>",
    "json": '<think>Think of rain.</think>{"a": 1}<|end|>',
    "silent": "<think>Think of rain.</think><|end|>",
}
PLACE = {"type": "object", "properties": {"place": {"enum": ["Paris", "Oslo"]}}, "required": ["place"]}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "parameters": PLACE | {"additionalProperties": False}}}
]
CALLED = [["weather", '{"place": "Oslo"}']]
HALF = len(tokens_of("<think>\nThink of"))
"""Tokens up to the middle of the reasoning."""
OFF: dict[str, Any] = {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}
OPENED: dict[str, Any] = {"extra_body": {"chat_template_kwargs": {"opened": True}}}
HIDDEN: dict[str, Any] = {"extra_body": {"include_reasoning": False}}
SPOKEN = ("\n\nIt rains in Oslo.", "\nThink of rain.\n")


def script(prompt: str) -> list[int] | None:
    """Return what the model says to the last question, which is the name of a script."""
    asked = re.findall(r"<\|user\|>(.*?)<\|end\|>", prompt, re.DOTALL)
    return tokens_of(SCRIPTS[asked[-1]]) if asked and asked[-1] in SCRIPTS else None


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    base = tmp_path_factory.mktemp("thinking")
    save_thinking_model(base)
    options = options_for(base, threads=1, reasoning_parser="qwen3", tool_call_parser="hermes")
    with scripted_server(options, script) as client:
        yield client


@pytest.fixture(scope="module")
def client(http: TestClient) -> openai.OpenAI:
    return openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize(
    ("name", "fields", "content", "reasoning", "calls", "reason"),
    [
        ("rain", {}, *SPOKEN, [], "stop"),
        ("rain", {"tools": TOOLS}, *SPOKEN, [], "stop"),
        ("rain", {"stop": "rain"}, "\n\nIt ", SPOKEN[1], [], "stop"),
        ("rain", {"stop": "</think>"}, "", SPOKEN[1], [], "stop"),
        ("rain", {"max_tokens": HALF}, "", "\nThink of", [], "length"),
        ("rain", {"max_tokens": 1}, "", "", [], "length"),
        ("opened", OPENED, "It rains.", "Think of rain.", [], "stop"),
        ("opened", {}, "It rains.", "Think of rain.", [], "stop"),
        ("off", OFF, "It rains.", "", [], "stop"),
        ("off", {"reasoning_effort": "none"}, "It rains.", "", [], "stop"),
        ("off", {"reasoning_effort": "low"}, "", "It rains.", [], "stop"),
        ("rain", OFF, SCRIPTS["rain"].removesuffix("<|end|>"), "", [], "stop"),
        ("never", {}, "", "Think of rain.", [], "stop"),
        ("silent", {}, "", "Think of rain.", [], "stop"),
        ("call", {"tools": TOOLS}, "", "Think of rain.", CALLED, "tool_calls"),
        ("rash", {"tools": TOOLS}, "", "Think of rain.", CALLED, "tool_calls"),
        ("rash", {}, CALL, "Think of rain.", [], "stop"),
        ("rain", HIDDEN, SPOKEN[0], "", [], "stop"),
    ],
)  # fmt: skip
def test_a_chat_has_reasoning_apart_from_the_answer(
    client: openai.OpenAI,
    answer: Any,
    name: str,
    fields: dict[str, Any],
    content: str,
    reasoning: str,
    calls: list[Any],
    reason: str,
) -> None:
    message, ended, usage = answer(client, name, **fields)

    assert message == {"content": content, "reasoning": reasoning, "calls": calls}
    assert ended == reason
    if reason != "length" and fields is not HIDDEN:
        assert usage.completion_tokens_details.reasoning_tokens == len(tokens_of(reasoning))


def test_an_answer_without_content_has_null(client: openai.OpenAI) -> None:
    assert ask(client, "rain", max_tokens=HALF).choices[0].message.content is None
    assert ask(client, "silent").choices[0].message.content is None


def test_log_probabilities_are_those_of_every_token(client: openai.OpenAI) -> None:
    tokens = [str(thinking_tokenizer().decode([token])) for token in tokens_of(SCRIPTS["rain"])[:-1]]
    fields: dict[str, Any] = {"logprobs": True, "top_logprobs": 1}
    scored = ask(client, "rain", **fields).choices[0].logprobs.content
    pieces = [
        token
        for chunk in ask(client, "rain", stream=True, **fields)
        for token in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else ())
    ]

    assert [token.token for token in scored] == tokens
    assert [token.token for token in pieces] == tokens


def test_several_answers_are_apart(client: openai.OpenAI) -> None:
    made = ask(client, "rain", n=2)
    said = [["", ""], ["", ""]]
    for chunk in ask(client, "rain", n=2, stream=True):
        choice = chunk.choices[0]
        said[choice.index][0] += choice.delta.content or ""
        said[choice.index][1] += (choice.delta.model_extra or {}).get("reasoning") or ""

    assert [[each.message.content, each.message.model_extra["reasoning"]] for each in made.choices] == said
    assert said == [[*SPOKEN]] * 2
    assert made.usage.completion_tokens_details.reasoning_tokens == 2 * len(tokens_of(SPOKEN[1]))


def test_chat_shows_the_answer_alone(http: TestClient) -> None:
    asked = {"prompt": "rain", "max_tokens": 400}
    lines = http.post("/chat", json={**asked, "stream": True}).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]

    assert http.post("/chat", json=asked).json()["response"] == SPOKEN[0]
    assert "".join(event["response"] for event in events) == SPOKEN[0]


def test_responses_have_reasoning_as_an_item(client: openai.OpenAI) -> None:
    made = client.responses.create(model="b", input="rain", max_output_tokens=400)
    items: list[Any] = [*made.output]
    last: Any = [*client.responses.create(model="b", input="rain", max_output_tokens=400, stream=True)][-1]
    off = client.responses.create(model="b", input="off", max_output_tokens=400, **OFF)

    assert [item.type for item in items] == [item.type for item in last.response.output] == ["reasoning", "message"]
    assert items[0].content[0].text == SPOKEN[1]
    assert made.output_text == last.response.output_text == SPOKEN[0]
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens == len(tokens_of(SPOKEN[1]))
    assert ([item.type for item in off.output], off.output_text) == (["message"], "It rains.")


def test_completions_are_the_text_as_it_is(client: openai.OpenAI) -> None:
    made = client.completions.create(model="b", prompt="<|user|>rain<|end|><|assistant|>", max_tokens=400)

    assert made.choices[0].text == SCRIPTS["rain"].removesuffix("<|end|>")


@pytest.mark.parametrize("fields", [{}, OPENED, OFF])
def test_a_shape_is_that_of_the_content(client: openai.OpenAI, fields: dict[str, Any]) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False}
    form: Any = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}
    name = "json" if fields is not OFF else "another question"
    made = ask(client, name, response_format=form, **fields).choices[0]

    assert json.loads(made.message.content) == {"a": 1}
    assert (made.message.model_extra or {}).get("reasoning") == (None if fields is OFF else "Think of rain.")


@pytest.mark.parametrize("name", ["call", "rash"])
def test_a_demanded_call_comes_after_reasoning(client: openai.OpenAI, name: str) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    named = {"type": "function", "function": {"name": "weather"}}
    choice = ask(client, name, tools=TOOLS, tool_choice=named).choices[0]

    (call,) = choice.message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["place"] in ("Paris", "Oslo")
    assert choice.message.model_extra["reasoning"] == "Think of rain."


def test_a_shape_lets_no_call_end_reasoning(client: openai.OpenAI) -> None:
    """The mark of a call would be content, and of another shape."""
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    form: Any = {"type": "json_object"}
    made = ask(client, "rash", response_format=form, max_tokens=60).choices[0]

    assert "<tool_call>" not in (made.message.content or "")


def test_reasoning_is_not_moved(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="reasoning is not moved into the content here"):
        ask(client, "rain", extra_body={"chat_template_kwargs": {"force_nonempty_content": True}})


def test_marks_that_are_special_tokens_are_not_in_the_answer(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Mistral's; and what is not closed is reasoning all the same."""
    base = tmp_path_factory.mktemp("mistral")
    save_thinking_model(base)
    words = {"a": "[THINK]Think.\n[/THINK]It rains.<|end|>", "b": "It rains.<|end|>", "c": "[THINK]Think.<|end|>"}

    def say(prompt: str) -> list[int] | None:
        return next((tokens_of(words[name]) for name in words if f"<|user|>{name}<|end|>" in prompt), None)

    with scripted_server(options_for(base, threads=1, reasoning_parser="mistral"), say) as http:
        client = openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)
        said = {name: whole(client, name)[0] for name in words}
        assert said == {name: streamed(client, name)[0] for name in words}

    assert [(each["content"], each["reasoning"]) for each in said.values()] == [
        ("It rains.", "Think."), ("It rains.", ""), ("", "Think."),
    ]  # fmt: skip
