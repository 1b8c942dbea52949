"""A shape is that of the content: what comes before it is free, and nothing ends the answer before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.channel_model import CHANNEL, RETURN, SPECIAL, channel_tokenizer, tokens_of

from llmwright_runtime_hf.serve.engine.guided_content import GuidedContent
from llmwright_runtime_hf.serve.engine.guides import GuideCompiler, GuideSource
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

NOTHING: Any = None
LOADED = LoadedModel(NOTHING, channel_tokenizer(), 4096, frozenset([RETURN]), SamplingParams(), "float32", 9)
COLOURS = GuideCompiler(channel_tokenizer(), 0).compile(GuideSource("choice", json.dumps(["red", "blueberry"])))
BEGUN = "<|start|>assistant"
THINK = (
    "<|channel|>analysis<|message|>What is blue?<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"
)


def after(answer: str, prompt: str = BEGUN) -> GuidedContent:
    guided = GuidedContent(COLOURS.begin(), LOADED, tokens_of(prompt))
    tokens = tokens_of(answer)
    for most in range(len(tokens) + 1):
        guided.follow(tokens[:most])
    return guided


def allowed(guided: GuidedContent) -> set[int]:
    return {token for token, may in enumerate(guided.allowed()) if may}


def test_an_answer_begins_with_a_header() -> None:
    assert allowed(after("")) == {CHANNEL}
    assert not after("").may_end


@pytest.mark.parametrize(
    "answer", ["<|channel|>", "<|channel|>analysis<|message|>", "<|channel|>analysis<|message|>red"]
)
def test_reasoning_is_free_and_does_not_end(answer: str) -> None:
    guided = after(answer)

    assert len(allowed(guided)) == len(guided.allowed())
    assert not guided.may_end
    assert not guided.complete


def test_the_content_has_the_shape() -> None:
    begun, whole = after(THINK), after(f"{THINK}red")
    letters = {str(channel_tokenizer().decode([token])) for token in allowed(begun)}

    assert all("red".startswith(text) or "blueberry".startswith(text) for text in letters)
    assert not {*range(len(SPECIAL))} & allowed(begun)
    assert not begun.may_end
    assert (whole.may_end, whole.complete) == (True, True)


def test_content_that_the_prompt_begins_has_the_shape_at_once() -> None:
    assert after("", f"{BEGUN}<|channel|>final<|message|>").allowed() == after(THINK).allowed()
    assert after("red", f"{BEGUN}<|channel|>final<|message|>").complete
