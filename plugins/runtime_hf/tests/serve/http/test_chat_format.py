"""gpt-oss as OpenAI's client meets it: channels, calls, reasoning, on each route, whole and streamed.

The model is a small random one, and a script stands in the place of its choices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient
from tests.support.channel_model import channel_tokenizer, save_channel_model, tokens_of
from tests.support.chat_asking import ask, streamed, whole
from tests.support.hf_server import running_server
from tests.support.scripted_server import scripted_server
from tests.support.serve_options import options_for

THINK = "<|channel|>analysis<|message|>Think of rain.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>"
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"place": "Oslo"}<|call|>'
LOOK = "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant"
SCRIPTS = {
    "rain": f"{THINK}{FINAL}It rains in Oslo.<|return|>",
    "call": f"{THINK}{CALL}",
    "look": f"{LOOK}{CALL}",
    "now": "<|channel|>commentary to=functions.now json<|message|><|call|>",
    "json": f'{THINK}<|channel|>final <|constrain|>json<|message|>{{"a": 1}}<|return|>',
    "plain": "It rains.<|return|>",
    "broken": "<|channel|>final It rains.<|return|>",
    "think": f"{THINK}<|return|>",
}
PLACE = {"type": "object", "properties": {"place": {"enum": ["Paris", "Oslo"]}}, "required": ["place"]}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "parameters": PLACE | {"additionalProperties": False}}},
    {"type": "function", "function": {"name": "now"}},
]
THOUGHT = len(tokens_of("Think of rain."))
HALF = len(tokens_of("<|channel|>analysis<|message|>Think of"))
"""Tokens up to the middle of the reasoning."""


def script(prompt: str) -> list[int] | None:
    """Return what the model says to the last question, which is the name of a script."""
    asked = re.findall(r"<\|start\|>user<\|message\|>(.*?)<\|end\|>", prompt, re.DOTALL)
    if prompt.endswith("<|message|>It"):
        return tokens_of(" rains.<|return|>")
    return tokens_of(SCRIPTS[asked[-1]]) if asked and asked[-1] in SCRIPTS else None


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    base = tmp_path_factory.mktemp("gpt-oss")
    save_channel_model(base)
    with scripted_server(options_for(base, threads=1), script) as client:
        yield client


@pytest.fixture(scope="module")
def client(http: TestClient) -> openai.OpenAI:
    return openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", http_client=http, max_retries=0)


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize(
    ("name", "fields", "content", "reasoning", "calls", "reason"),
    [
        ("rain", {}, "It rains in Oslo.", "Think of rain.", [], "stop"),
        ("rain", {"stop": "rain"}, "It ", "Think of rain.", [], "stop"),
        ("rain", {"max_tokens": HALF}, "", "Think of", [], "length"),
        ("rain", {"max_tokens": 1}, "", "", [], "length"),
        ("call", {"tools": TOOLS}, "", "Think of rain.", [["weather", '{"place": "Oslo"}']], "tool_calls"),
        ("look", {"tools": TOOLS}, "Let me look.", "", [["weather", '{"place": "Oslo"}']], "tool_calls"),
        ("now", {"tools": TOOLS}, "", "", [["now", "{}"]], "tool_calls"),
        ("call", {"tools": TOOLS, "tool_choice": "none"}, "", "Think of rain.", [], "stop"),
        ("call", {}, "", "Think of rain.", [], "stop"),
        ("rain", {"tools": TOOLS}, "It rains in Oslo.", "Think of rain.", [], "stop"),
        ("plain", {}, "It rains.", "", [], "stop"),
        ("broken", {}, "<|channel|>final It rains.", "", [], "stop"),
        ("think", {}, "", "Think of rain.", [], "stop"),
        ("rain", {"extra_body": {"include_reasoning": False}}, "It rains in Oslo.", "", [], "stop"),
    ],
)  # fmt: skip
def test_a_chat_has_each_channel_in_its_place(
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
    most = fields.get("max_tokens", 400)
    assert usage.completion_tokens == min(most, len(tokens_of(SCRIPTS[name]))) or "stop" in fields
    if reason != "length" and "Think" in SCRIPTS[name]:
        assert usage.completion_tokens_details.reasoning_tokens == THOUGHT


def test_an_answer_without_content_has_null(client: openai.OpenAI) -> None:
    made = ask(client, "rain", max_tokens=HALF).choices[0].message

    assert made.content is None
    assert "reasoning_content" not in (made.model_extra or {})
    assert ask(client, "rain", max_tokens=1).choices[0].message.content == ""


def test_log_probabilities_are_those_of_every_token(client: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"logprobs": True, "top_logprobs": 1}
    tokens = [str(channel_tokenizer().convert_ids_to_tokens(token)) for token in tokens_of(SCRIPTS["rain"])[:-1]]
    scored = ask(client, "rain", **fields).choices[0].logprobs.content
    pieces = [
        token
        for chunk in ask(client, "rain", stream=True, **fields)
        for token in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else ())
    ]
    left_out = ask(client, "rain", extra_body={"include_reasoning": False}, **fields).choices[0].logprobs.content

    assert [token.token for token in scored] == [token.replace("Ġ", " ") for token in tokens]
    assert [token.token for token in pieces] == [token.token for token in scored]
    assert "rain" not in "".join(token.token for token in left_out).partition("final")[0]
    assert "".join(token.token for token in left_out).endswith("It rains in Oslo.")


def test_several_answers_are_apart(client: openai.OpenAI) -> None:
    made = ask(client, "rain", n=2)
    texts = ["", ""]
    for chunk in ask(client, "rain", n=2, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""

    assert [choice.message.content for choice in made.choices] == texts == ["It rains in Oslo."] * 2
    assert made.usage.completion_tokens_details.reasoning_tokens == 2 * THOUGHT


def test_the_official_client_puts_a_stream_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="b", messages=[{"role": "user", "content": "call"}], tools=TOOLS, max_tokens=400
    ) as events:
        choice: Any = events.get_final_completion().choices[0]

    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"place": "Oslo"})
    assert choice.finish_reason == "tool_calls"


def test_a_conversation_goes_on_with_the_answer_of_a_tool(client: openai.OpenAI) -> None:
    """The client sends back the answer as it came, with its reasoning under vLLM's name."""
    question: Any = {"role": "user", "content": "call"}
    called = ask(client, "call", tools=TOOLS).choices[0].message
    sent = called.model_dump(exclude_none=True)
    tool = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "rain"}
    plain = {**sent, "reasoning": ""}

    whole = ask(client, "", messages=[question, sent, tool], tools=TOOLS, max_tokens=1).usage
    short = ask(client, "", messages=[question, plain, tool], tools=TOOLS, max_tokens=1).usage
    thought = tokens_of("<|start|>assistant<|channel|>analysis<|message|>Think of rain.<|end|>")
    assert whole.prompt_tokens == short.prompt_tokens + len(thought)
    assert sent["reasoning"] == "Think of rain."
    both = {**sent, "content": "Let me look."}
    assert ask(client, "", messages=[question, both, tool], tools=TOOLS, max_tokens=1).usage


def test_how_much_is_reasoned_reaches_the_template(client: openai.OpenAI) -> None:
    def prompt(**fields: Any) -> int:
        return int(ask(client, "rain", max_tokens=1, **fields).usage.prompt_tokens)

    assert prompt(reasoning_effort="medium") == prompt()
    less = len(tokens_of("Effort: medium.")) - len(tokens_of("Effort: low."))
    assert prompt(reasoning_effort="low") == prompt() - less
    with pytest.raises(openai.BadRequestError, match="this model knows low, medium, high, not minimal") as refused:
        prompt(reasoning_effort="minimal")
    assert refused.value.param == "reasoning_effort"
    made = client.responses.create(model="b", input="rain", reasoning={"effort": "low"}, max_output_tokens=1)
    assert made.usage is not None
    assert made.usage.input_tokens == prompt(reasoning_effort="low")


def test_a_last_message_goes_on(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "rain"}, {"role": "assistant", "content": "It"}]
    made = ask(client, "", messages=messages, extra_body={"continue_final_message": True}).choices[0]

    assert (made.message.content, made.finish_reason) == (" rains.", "stop")


def test_chat_shows_the_answer_alone(http: TestClient) -> None:
    asked = {"prompt": "rain", "max_tokens": 400}
    made = http.post("/chat", json=asked).json()
    lines = http.post("/chat", json={**asked, "stream": True}).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]

    assert made["response"] == made["Result"] == "It rains in Oslo."
    assert "".join(event["response"] for event in events) == "It rains in Oslo."
    assert made["finish_reason"] == events[-1]["finish_reason"] == "stop"
    cut = http.post("/chat", json={**asked, "max_tokens": 5}).json()
    assert (cut["response"], cut["finish_reason"]) == ("", "length")


def test_responses_have_reasoning_as_an_item(client: openai.OpenAI) -> None:
    made = client.responses.create(model="b", input="rain", max_output_tokens=400)
    items: list[Any] = [*made.output]
    events: list[Any] = [*client.responses.create(model="b", input="rain", max_output_tokens=400, stream=True)]
    last: Any = events[-1].response

    assert [item.type for item in items] == ["reasoning", "message"]
    assert items[0].content[0].text == "Think of rain."
    assert made.output_text == last.output_text == "It rains in Oslo."
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens == THOUGHT
    assert [event.sequence_number for event in events] == [*range(len(events))]
    thought = [event for event in events if event.type == "response.reasoning_text.delta"]
    assert "".join(event.delta for event in thought) == "Think of rain."
    assert {event.output_index for event in thought} == {0}
    told = [event for event in events if event.type == "response.output_text.delta"]
    assert {event.output_index for event in told} == {1}
    assert [item.type for item in last.output] == ["reasoning", "message"]
    again: Any = [
        {"role": "user", "content": "x"},
        *(item.model_dump() for item in items),
        {"role": "user", "content": "rain"},
    ]
    assert client.responses.create(model="b", input=again, max_output_tokens=400).output_text == "It rains in Oslo."


def test_responses_that_are_cut_within_reasoning_hold_it_alone(client: openai.OpenAI) -> None:
    made = client.responses.create(model="b", input="rain", max_output_tokens=HALF)
    events: list[Any] = [*client.responses.create(model="b", input="rain", max_output_tokens=HALF, stream=True)]

    assert [(item.type, made.status) for item in made.output] == [("reasoning", "incomplete")]
    assert events[-1].type == "response.incomplete"
    assert made.output_text == ""


def test_completions_are_the_text_as_it_is(client: openai.OpenAI) -> None:
    prompt = "<|start|>user<|message|>rain<|end|><|start|>assistant"
    made = client.completions.create(model="b", prompt=prompt, max_tokens=400)

    assert made.choices[0].text == "analysisThink of rain.assistantfinalIt rains in Oslo."


def test_a_shape_is_that_of_the_content(client: openai.OpenAI) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False}
    form: Any = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}
    made = ask(client, "json", response_format=form).choices[0]

    assert json.loads(made.message.content) == {"a": 1}
    assert made.message.model_extra["reasoning"] == "Think of rain."
    early = ask(client, "think", response_format=form).choices[0]
    assert early.finish_reason == "length" or json.loads(early.message.content) == {"a": 1}


@pytest.mark.parametrize("name", ["call", "other question"])
def test_a_demanded_call_is_made_also_by_a_model_that_says_something_else(client: openai.OpenAI, name: str) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    # The mark that ends reasoning is chosen wherever it may be: this model would think without end.
    bias = {"logit_bias": {str(tokens_of("<|end|>")[0]): 100}} if name != "call" else {}
    named = {"type": "function", "function": {"name": "weather"}}
    choice = ask(client, name, tools=TOOLS, tool_choice=named, **bias).choices[0]

    (call,) = choice.message.tool_calls
    assert (call.function.name, choice.finish_reason) == ("weather", "tool_calls")
    assert json.loads(call.function.arguments)["place"] in ("Paris", "Oslo")


def test_a_process_serves_it_without_a_flag(tmp_path: Path) -> None:
    """The server knows the format by the tokenizer. What the random model says itself is no call, and no message."""
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    save_channel_model(tmp_path / "model")
    flags = ("--model", str(tmp_path / "model"), "--served-model-name", "b", "--threads", "1")
    with (
        running_server(tmp_path / "log", *flags) as running,
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client,
    ):
        running.wait_until_ready()
        bias = {str(tokens_of("<|end|>")[0]): 100}
        called = ask(client, "x", tools=TOOLS, tool_choice="required", logit_bias=bias).choices[0]
        free = ask(client, "x", tools=TOOLS, max_tokens=20)

    (call,) = called.message.tool_calls
    assert call.function.name in ("weather", "now")
    assert isinstance(json.loads(call.function.arguments), dict)
    assert (free.choices[0].finish_reason, free.usage.completion_tokens) == ("length", 20)
