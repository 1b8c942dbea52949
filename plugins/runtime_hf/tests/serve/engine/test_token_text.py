"""The bytes of tokens join to the text that they are of, in every kind of tokenizer."""

from __future__ import annotations

import pytest
from tests.support.tiny_models import byte_level_tokenizer, sentencepiece_tokenizer, word_tokenizer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from llmwright_runtime_hf.serve.engine.token_text import TokenText

TEXT = "the fox äß 猫 jumps"


@pytest.mark.parametrize(
    ("backend", "lead"),
    [(byte_level_tokenizer(special=("<|end|>", "<s>")), ""), (sentencepiece_tokenizer([TEXT, "a house"]), " ")],
)
def test_the_bytes_of_all_tokens_are_the_text(backend: Tokenizer, lead: str) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")
    texts = TokenText(tokenizer)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]

    assert b"".join(map(texts.of, ids)).decode() == lead + TEXT
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert isinstance(end, int)
    assert texts.of(end) == b"<|end|>"
    assert texts.of(len(tokenizer) + 5) == b""


def test_words_are_their_own_text() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=word_tokenizer(["hi", "</s>"]), eos_token="</s>")

    assert TokenText(tokenizer).of(0) == b"hi"
