"""The decode loop and its sampling against transformers' own ``generate``."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels

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


def test_sampling_draws_from_the_distribution_that_is_asked_for(loaded: LoadedModel) -> None:
    prompt = loaded.encode("the quick", special=True)
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[0, -1]
    likeliest = set(logits.topk(5).indices.tolist())

    drawn = {decode(loaded, prompt, SamplingParams(temperature=2, top_k=5, seed=seed), 1)[0] for seed in range(200)}

    assert drawn == likeliest
