"""``generation_config.json``: defaults of requests, and values that no request could be answered with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels
from transformers import GenerationConfig

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import load_model
from llmwright_runtime_hf.serve.engine.sampling_defaults import (
    AnswerDefaults,
    answer_defaults_of,
    end_tokens_of,
    end_tokens_of_adapter,
    sampling_of,
)


def test_it_gives_the_defaults() -> None:
    config = GenerationConfig(do_sample=True, temperature=0.6, top_p=0.9, top_k=20, repetition_penalty=1.1)

    assert sampling_of(config) == SamplingParams(temperature=0.6, top_p=0.9, top_k=20, repetition_penalty=1.1)
    assert sampling_of(GenerationConfig(do_sample=False)).greedy
    assert sampling_of(None) == SamplingParams()
    assert sampling_of(GenerationConfig(do_sample=True, top_k=-1)).top_k == 0


def test_a_request_that_asks_to_sample_has_the_temperature_of_the_file() -> None:
    """As in ``generate(do_sample=True)``, whether the file itself samples or not."""
    assert answer_defaults_of(GenerationConfig(temperature=0.6)).sampled_temperature == 0.6
    assert answer_defaults_of(GenerationConfig(do_sample=True, temperature=0.6)).sampled_temperature == 0.6
    assert answer_defaults_of(GenerationConfig()).sampled_temperature == 1.0
    assert answer_defaults_of(None) == AnswerDefaults()


def test_what_it_asks_for_in_vain_is_named() -> None:
    asking = GenerationConfig(num_beams=4, bad_words_ids=[[5]], stop_strings=["x"], max_new_tokens=7)
    assert answer_defaults_of(asking) == AnswerDefaults(
        max_tokens=7, not_built=("num_beams", "bad_words_ids", "stop_strings")
    )
    harmless = GenerationConfig(num_beams=1, guidance_scale=1.0, suppress_tokens=[], min_length=0)
    assert answer_defaults_of(harmless) == AnswerDefaults()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("temperature", "0.7", "a number"),
        ("temperature", -1, "at least 0"),
        ("top_p", [], "a number"),
        ("top_p", 1.5, "at least 0 and at most 1"),
        ("top_k", "5", "a whole number"),
        ("top_k", 10**40, "a whole number"),
        ("min_p", float("nan"), "a number"),
        ("typical_p", 0, "above 0 and at most 1"),
        ("repetition_penalty", True, "a number"),
        ("repetition_penalty", 1e-30, "at least 1e-06"),
        ("no_repeat_ngram_size", 0.5, "a whole number"),
    ],
)
def test_a_value_that_no_sampling_can_use_is_named(name: str, value: object, expected: str) -> None:
    config = GenerationConfig(do_sample=True)
    setattr(config, name, value)

    with pytest.raises(ConfigError, match=rf"generation_config.json: {name} is .*; expected is {expected}"):
        sampling_of(config)


@pytest.mark.parametrize(
    ("value", "tokens"), [(None, frozenset()), (2, frozenset({2})), ([0, 2], frozenset({0, 2})), ([], frozenset())]
)
def test_end_tokens(value: object, tokens: frozenset[int]) -> None:
    config = GenerationConfig()
    config.eos_token_id = value
    assert end_tokens_of(config) == tokens


@pytest.mark.parametrize("value", ["</s>", [1, "2"], True, {"a": 1}])
def test_an_end_token_that_is_no_id_is_named(value: object) -> None:
    config = GenerationConfig()
    config.eos_token_id = value
    with pytest.raises(ConfigError, match=r"eos_token_id is .*the id of a token"):
        end_tokens_of(config)


@pytest.mark.parametrize("content", ['"text"', "[1]", json.dumps({"do_sample": True, "top_p": "x"})])
def test_a_damaged_file_is_one_error_when_the_model_is_loaded(
    models: ServedModels, tmp_path: Path, content: str
) -> None:
    shutil.copytree(models.base, tmp_path, dirs_exist_ok=True)
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(ConfigError):
        load_model(options_for(tmp_path))


def test_the_end_tokens_of_an_adapter_lie_beside_its_weights(tmp_path: Path) -> None:
    assert end_tokens_of_adapter(tmp_path) is None
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [3, 7]}')
    assert end_tokens_of_adapter(tmp_path) == frozenset({3, 7})
    for broken in ("{", "[]", '{"eos_token_id": "x"}'):
        (tmp_path / "generation_config.json").write_text(broken)
        with pytest.raises(ConfigError, match=r"generation_config\.json"):
            end_tokens_of_adapter(tmp_path)
