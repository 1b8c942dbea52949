"""The decode loop and its sampling against transformers' own ``generate``."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    MambaConfig,
    MptConfig,
    PreTrainedConfig,
    RecurrentGemmaConfig,
)

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.engine.sampling import Sampler


@pytest.fixture(scope="module")
def loaded(models: ServedModels) -> LoadedModel:
    return load_model(options_for(models.base))


def decode(loaded: LoadedModel, prompt: list[int], sampling: SamplingParams, count: int) -> list[int]:
    decoder = Decoder(loaded.model, prompt, Sampler(sampling, loaded.model.device))
    return [decoder.step() for _ in range(count)]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_is_what_generate_says(loaded: LoadedModel, penalty: float) -> None:
    prompt = loaded.encode("the quick brown", special=True)
    generate: Any = loaded.model.generate
    made = generate(
        torch.tensor([prompt]), max_new_tokens=50, do_sample=False, repetition_penalty=penalty, eos_token_id=-1
    )

    assert decode(loaded, prompt, SamplingParams(repetition_penalty=penalty), 50) == made[0, len(prompt) :].tolist()


@pytest.mark.parametrize(
    "config",
    [
        BloomConfig(vocab_size=300, hidden_size=32, n_layer=2, n_head=2, initializer_range=0.4),
        MptConfig(vocab_size=300, d_model=32, n_layers=2, n_heads=2, max_seq_len=128, initializer_range=0.4),
        MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=2, state_size=4, initializer_range=0.4),
    ],
    ids=lambda config: str(config.model_type),
)
def test_families_without_a_table_of_positions_are_decoded(config: PreTrainedConfig) -> None:
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(config).eval()
    prompt = [5, 9, 20, 31]
    made = model.generate(torch.tensor([prompt]), max_new_tokens=8, do_sample=False, eos_token_id=-1, pad_token_id=0)
    decoder = Decoder(model, prompt, Sampler(SamplingParams(), model.device))
    assert [decoder.step() for _ in range(8)] == made[0, 4:].tolist()


def test_a_model_that_returns_no_cache_is_refused() -> None:
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
    }
    config = RecurrentGemmaConfig(vocab_size=300, num_key_value_heads=2, lru_width=32, **sizes)
    model: Any = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(ConfigError, match="RecurrentGemmaForCausalLM keeps no key/value cache"):
        Decoder(model, [5, 9], Sampler(SamplingParams(), model.device)).step()


def test_sampling_draws_from_the_distribution_that_is_asked_for(loaded: LoadedModel) -> None:
    prompt = loaded.encode("the quick", special=True)
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[0, -1]
    likeliest = set(logits.topk(5).indices.tolist())

    drawn = {decode(loaded, prompt, SamplingParams(temperature=2, top_k=5, seed=seed), 1)[0] for seed in range(200)}

    assert drawn == likeliest
