"""The template of a served name, and the tokens that end its answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.chat_templates import FAMILIES, SPECIAL
from tests.support.tiny_models import byte_level_tokenizer, word_tokenizer
from transformers import PreTrainedTokenizerFast

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.chat_template import chat_template, template_of_adapter

ENDS = {
    "chatml": ["<|im_end|>"],
    "rewriting": ["<|im_end|>"],
    "headers": ["<|eot|>"],
    "brackets": ["<|endoftext|>"],
    "tailed": ["<|end|>"],
    "thinking": ["<|endoftext|>"],
    "endless": [],
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    backend = byte_level_tokenizer(special=SPECIAL)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


@pytest.mark.parametrize("family", ENDS)
def test_an_answer_ends_with_the_token_that_its_template_writes(
    tokenizer: PreTrainedTokenizerFast, family: str
) -> None:
    text = FAMILIES[family]
    assert text is not None
    ends = chat_template(tokenizer, text).end_tokens
    assert [tokenizer.convert_ids_to_tokens(token) for token in ends] == ENDS[family]


def test_a_template_that_refuses_the_trial_has_no_end_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert chat_template(tokenizer, "{{ raise_exception('no') }}").end_tokens == frozenset()


def test_a_tokenizer_that_refuses_the_trial_has_no_end_tokens() -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=word_tokenizer(["<end>"]), eos_token="<end>")
    text = "{% for m in messages %}{{ m['content'] + ' stop' }}{% endfor %}"
    assert chat_template(words, text).end_tokens == frozenset()


def test_the_template_of_an_adapter_lies_beside_its_weights(tmp_path: Path) -> None:
    assert template_of_adapter(tmp_path) is None
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert template_of_adapter(tmp_path) == "{{ messages }}"
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        template_of_adapter(tmp_path)
