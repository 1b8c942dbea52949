"""The decode loop against transformers' own ``generate``, and loading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.support.tiny_models import CONTEXT, Models

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.generation import warm_up
from llmwright_runtime_hf.serve.engine.interface import Sampling
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.engine.sampling import Sampler, sampling_of
from llmwright_runtime_hf.serve.serve_options import ServeOptions


def options_for(model: Path, **changes: object) -> ServeOptions:
    return replace(
        ServeOptions(model=str(model), served_model_name="b", default_model="b", device="cpu"),
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def loaded(models: Models) -> LoadedModel:
    return load_model(options_for(models.base))


def decode(loaded: LoadedModel, prompt: list[int], sampling: Sampling, count: int) -> list[int]:
    decoder = Decoder(loaded.model, prompt, Sampler(sampling, loaded.model.device))
    return [decoder.step() for _ in range(count)]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_is_what_generate_says(loaded: LoadedModel, penalty: float) -> None:
    prompt = loaded.encode("the quick brown", special=True)
    made = loaded.model.generate(  # type: ignore[operator]
        torch.tensor([prompt]), max_new_tokens=50, do_sample=False, repetition_penalty=penalty, eos_token_id=-1
    )

    assert decode(loaded, prompt, Sampling(repetition_penalty=penalty), 50) == made[0, len(prompt) :].tolist()


def test_sampling_draws_from_the_distribution_that_is_asked_for(loaded: LoadedModel) -> None:
    prompt = loaded.encode("the quick", special=True)
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[0, -1]
    likeliest = set(logits.topk(5).indices.tolist())

    drawn = {decode(loaded, prompt, Sampling(temperature=2, top_k=5, seed=seed), 1)[0] for seed in range(200)}

    assert drawn == likeliest


def test_generation_config_gives_the_defaults() -> None:
    from transformers import GenerationConfig

    config = GenerationConfig(do_sample=True, temperature=0.6, top_p=0.9, top_k=20, repetition_penalty=1.1)  # type: ignore[no-untyped-call]

    assert sampling_of(config) == Sampling(temperature=0.6, top_p=0.9, top_k=20, repetition_penalty=1.1)
    assert sampling_of(GenerationConfig(do_sample=False)).greedy  # type: ignore[no-untyped-call]
    assert sampling_of(None) == Sampling()


@pytest.mark.parametrize(("dtype", "expected"), [("auto", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")])
def test_the_weights_have_the_asked_dtype(models: Models, dtype: str, expected: str) -> None:
    made = load_model(options_for(models.base, dtype=dtype))

    assert {str(p.dtype) for p in made.model.parameters()} == {f"torch.{expected}"}
    assert made.dtype == expected
    assert made.context == CONTEXT
    warm_up(made)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantised_weights_generate(models: Models, kind: str) -> None:
    made = load_model(options_for(models.base, quantization=kind))

    layer = made.model.get_submodule("model.layers.0.mlp.up_proj")
    assert type(layer).__name__ == {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[kind]
    assert len(decode(made, [5, 6, 7], Sampling(), 5)) == 5


def test_a_longer_context_than_the_models_is_refused(models: Models) -> None:
    with pytest.raises(ConfigError, match=f"above the model's context of {CONTEXT}"):
        load_model(options_for(models.base, max_model_len=CONTEXT + 1))


def test_a_checkpoint_that_lacks_weights_is_refused(models: Models, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in models.base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(models.base / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=r"lacks 1 weights .* first model\.layers\.1\.mlp\.up_proj\.weight"):
        load_model(options_for(tmp_path))
