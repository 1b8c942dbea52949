"""The tokenizer of training is the tokenizer of serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.tiny_models import byte_level_tokenizer, llama_config, save_tokenizer, sentencepiece_tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import ModelSection
from llmwright_tuning_qlora.train.model.metadata import load_tokenizer

TEXTS = ("hi Paris", " Paris", "[INST] hi [/INST] Paris </s>", "a  b   c", "\n東京", "e\u0301te\u0301", "I'll 1234")


def save(directory: Path, name: str | None, backend: Any, **config: Any) -> None:
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    made.save_pretrained(directory)
    file = directory / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tokenizer_class": name, **config}))
    llama_config(300).save_pretrained(directory)


@pytest.mark.parametrize(
    ("name", "pieces", "config"),
    [
        ("LlamaTokenizer", True, {}),
        ("LlamaTokenizerFast", True, {"add_bos_token": False}),
        ("LlamaTokenizer", False, {}),
        ("Qwen2Tokenizer", False, {}),
        ("TokenizersBackend", False, {"add_bos_token": True}),
        ("PreTrainedTokenizerFast", True, {}),
        (None, False, {}),
    ],
)
def test_texts_are_split_as_a_server_splits_them(
    tmp_path: Path, name: str | None, pieces: bool, config: dict[str, Any]
) -> None:
    backend = sentencepiece_tokenizer(TEXTS * 9) if pieces else byte_level_tokenizer(TEXTS * 9, special=SPECIAL)
    save(tmp_path, name, backend, **config)
    ours, served = load_tokenizer(str(tmp_path), None, ModelSection()), AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        for special in (False, True):
            ids = ours(text, add_special_tokens=special)["input_ids"]
            assert ids == served(text, add_special_tokens=special)["input_ids"], (text, special)
    assert (ours.bos_token_id, ours.eos_token_id) == (served.bos_token_id, served.eos_token_id)


SPECIAL = ("<unk>", "<s>", "</s>")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{}"),
        ("tokenizer.json", "["),
        ("tokenizer.json", '{"added_tokens": 5, "model": null}'),
        ("tokenizer_config.json", '{"post_processor": {"a": 1}}'),
        ("tokenizer_config.json", "[]"),
    ],
)
def test_a_damaged_tokenizer_is_one_error(tmp_path: Path, name: str, content: str) -> None:
    save_tokenizer(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match="cannot load the tokenizer") as refused:
        load_tokenizer(str(tmp_path), None, ModelSection())
    assert refused.value.reason == "ModelBroken"
