"""Shapes of answers, over tokenizers of several kinds."""

from __future__ import annotations

import json

import pytest
from tests.support.tiny_models import byte_level_tokenizer, sentencepiece_tokenizer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from llmwright_runtime_hf.serve.engine.guides import GuideCompiler, GuideRefusedError, GuideSource

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

COLOURS = GuideSource("choice", json.dumps(["red", "blueberry"]))


def compiler(backend: Tokenizer, vocabulary: int = 0) -> GuideCompiler:
    return GuideCompiler(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>"), vocabulary)


@pytest.mark.parametrize(
    "backend", [byte_level_tokenizer(), sentencepiece_tokenizer(["red blueberry"], special=("<|end|>",))]
)
def test_only_what_goes_on_is_allowed(backend: Tokenizer) -> None:
    guide = compiler(backend).compile(COLOURS)
    texts = [str(backend.id_to_token(index)).lstrip("▁") for index in range(backend.get_vocab_size())]
    allowed = {text for text, may in zip(texts, guide.begin().allowed(), strict=True) if may}

    assert "r" in allowed or "<0x72>" in allowed
    assert all(text.startswith("<0x") or "red".startswith(text) or "blueberry".startswith(text) for text in allowed)


def test_answers_of_one_guide_are_apart() -> None:
    backend = byte_level_tokenizer()
    guide = compiler(backend).compile(COLOURS)
    first, second = guide.begin(), guide.begin()
    red = backend.encode("red").ids
    first.follow(red[:1])
    first.follow(red)

    assert (first.may_end, first.complete) == (True, True)
    assert (second.may_end, second.complete) == (False, False)


def test_a_vocabulary_may_be_larger_than_the_tokenizer_s() -> None:
    guide = compiler(byte_level_tokenizer(), 512).compile(COLOURS)

    assert len(guide.begin().allowed()) == 512


def test_what_goes_on_to_nothing_leaves_no_token() -> None:
    backend = byte_level_tokenizer()
    answer = compiler(backend).compile(COLOURS).begin()
    answer.follow(backend.encode("x").ids)

    assert not any(answer.allowed())
    assert not answer.complete


def test_the_same_shape_is_made_once() -> None:
    made = compiler(byte_level_tokenizer())

    assert made.compile(COLOURS) is made.compile(COLOURS)
    for number in range(20):
        made.compile(GuideSource("regex", f"a{{{number + 1}}}"))
    assert len(made._kept) == 16


def test_half_a_character_is_refused() -> None:
    with pytest.raises(GuideRefusedError, match="half of a character"):
        compiler(byte_level_tokenizer()).compile(GuideSource("json", '{"const": "\\ud800"}'))
