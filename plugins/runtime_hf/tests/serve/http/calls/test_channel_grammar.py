"""An answer that has to be a call, in the format of gpt-oss: what is let through, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.channel_model import END, RETURN, SPECIAL, channel_tokenizer, tokens_of

from llmwright_runtime_hf.serve.engine.guides import GuideCompiler, GuidedAnswer
from llmwright_runtime_hf.serve.http.calls.channel_grammar import channel_grammar
from llmwright_runtime_hf.serve.http.calls.tool_grammar import grammar_of
from llmwright_runtime_hf.serve.http.tool_requests import Tool

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"enum": ["Paris", "Oslo"]}, "days": {"$ref": "#/$defs/days"}},
    "required": ["place"],
    "additionalProperties": False,
    "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
}
TOOLS = [
    Tool.model_validate({"type": "function", "function": {"name": name, "parameters": schema}})
    for name, schema in {"weather": PLACE, "now": None}.items()
]
THINK = "<|channel|>analysis<|message|>A { brace.\n<|end|><|start|>assistant"
WEATHER = "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"


def special(text: str) -> int | None:
    return SPECIAL.index(text) if text in SPECIAL else None


def after(text: str) -> GuidedAnswer:
    source = grammar_of(TOOLS, "openai", several=True, special=special)
    guided = GuideCompiler(channel_tokenizer(), 0).compile(source).begin()
    guided.follow(tokens_of(text))
    return guided


@pytest.mark.parametrize("before", ["", THINK])
@pytest.mark.parametrize(
    "call",
    [
        f'{WEATHER}{{"place": "Oslo", "days": 2}}',
        f'{WEATHER}{{"place": "Paris"}}',
        "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}",
    ],
)
def test_a_call_of_a_tool_is_let_through_also_after_reasoning(before: str, call: str) -> None:
    whole = after(before + call)

    assert (whole.may_end, whole.complete) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>final<|message|>",
        "Hello",
        "<|channel|>commentary to=functions.other",
        f'{WEATHER}{{"place": "Rome"',
        f'{WEATHER}{{"place": "Oslo", "days": 20',
        f"{THINK}{THINK}",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert not any(after(text).allowed())


def test_reasoning_ends_at_its_mark_and_ends_no_answer() -> None:
    thinking = after("<|channel|>analysis<|message|>Hm")

    assert thinking.allowed()[END]
    assert not thinking.may_end
    assert not after(f"{WEATHER}").allowed()[RETURN]


def test_a_token_that_is_none_stands_as_text() -> None:
    text = channel_grammar({"now": {}}, lambda mark: None).text

    assert json.dumps("<|channel|>") in text
    assert "constrain" not in text
