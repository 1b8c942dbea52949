"""A shape is that of the content: what comes before it is free, and nothing ends the answer before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import thinking_model
from tests.support.channel_model import CHANNEL, RETURN, SPECIAL, channel_tokenizer, tokens_of

from llmwright_runtime_hf.serve.engine.guided_content import GuidedContent
from llmwright_runtime_hf.serve.engine.guides import GuideCompiler, GuideSource
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.thinking import FORMATS, ThinkTokens

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

NOTHING: Any = None
LOADED = LoadedModel(NOTHING, channel_tokenizer(), 4096, frozenset([RETURN]), SamplingParams(), "float32", 9)
CHOICE = GuideSource("choice", json.dumps(["red", "blueberry"]))
COLOURS = GuideCompiler(channel_tokenizer(), 0).compile(CHOICE)
WORDS = GuideCompiler(thinking_model.thinking_tokenizer(), 0).compile(CHOICE)
BEGUN = "<|start|>assistant"
THINK = (
    "<|channel|>analysis<|message|>What is blue?<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"
)


def after(answer: str, prompt: str = BEGUN) -> GuidedContent:
    guided = GuidedContent(COLOURS.begin(), LOADED, LOADED.channel_tokens, tokens_of(prompt))
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


def thinking(parser: str, answer: str, prompt: str = "<|assistant|>") -> GuidedContent:
    """Return the state after an answer of a model that thinks between marks."""
    ids, tokens = thinking_model.tokens_of(answer), thinking_model.tokens_of(prompt)
    loaded = LoadedModel(
        NOTHING, thinking_model.thinking_tokenizer(), 4096, frozenset(), SamplingParams(), "float32", 9,
        reasoning_parser=parser,
    )  # fmt: skip
    assert loaded.part_marks is not None
    guided = GuidedContent(WORDS.begin(), loaded, loaded.part_marks, tokens)
    for most in range(len(ids) + 1):
        guided.follow(ids[:most])
    return guided


def mark(text: str) -> int:
    (token,) = thinking_model.tokens_of(text)
    return token


def test_between_marks_reasoning_is_free_but_for_calls() -> None:
    guided = thinking("qwen3", "<think>red")

    assert {*range(len(guided.allowed()))} - allowed(guided) == {mark("<tool_call>")}
    assert not guided.may_end
    assert thinking("qwen3", "<think>Hm.</think>red").complete
    assert thinking("qwen3", "red", "<|assistant|><think>\n\n</think>\n\n").complete


def test_content_that_may_be_preceded_by_reasoning_has_the_shape_or_the_mark() -> None:
    begun, whole = thinking("mistral", ""), thinking("mistral", "[THINK]Hm.[/THINK]red")

    assert allowed(begun) - allowed(thinking("mistral", "", "[THINK][/THINK]")) == {mark("[THINK]")}
    assert whole.complete
    assert mark("[THINK]") not in allowed(thinking("mistral", "[THINK]Hm.[/THINK]"))


def test_marks_that_are_text_end_reasoning_too() -> None:
    """A tokenizer without such tokens writes the marks in pieces."""
    marks = ThinkTokens.of(FORMATS["qwen3"], lambda _: None, frozenset())
    guided = GuidedContent(COLOURS.begin(), LOADED, marks, tokens_of(BEGUN))
    guided.follow(tokens_of("<think>Hm. </think"))
    assert len(allowed(guided)) == len(guided.allowed())
    guided.follow(tokens_of("<think>Hm. </think>"))
    assert not guided.may_end
    guided.follow(tokens_of("<think>Hm. </think>red"))
    assert guided.complete
