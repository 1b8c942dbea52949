"""Adapters by name in one process, and the base untouched beside them."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels, save_adapter, save_model, save_tokenizer
from tests.support.transformers_reference import TransformersReference

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.lora_adapters import BASE, LoraAdapters
from llmwright_runtime_hf.serve.engine.model_loading import load_model
from llmwright_runtime_hf.serve.serve_options import AdapterSpec

PROMPT = "the quick brown"
CASES = {"tiny": (None, 1.0), "facts": ("facts", 1.0), "rhymes": ("rhymes", 1.0), "facts.half": ("facts", 0.5)}


def complete(http: httpx.Client, model: str) -> str:
    answer = http.post("/v1/completions", json={"model": model, "prompt": PROMPT, "max_tokens": 30})
    assert answer.json()["model"] == model
    return str(answer.json()["choices"][0]["text"])


@pytest.mark.parametrize("model", CASES)
def test_each_name_answers_as_peft_does_alone(http: httpx.Client, reference: TransformersReference, model: str) -> None:
    adapter, strength = CASES[model]

    assert complete(http, model) == reference.completion(PROMPT, 30, adapter=adapter, strength=strength)


def test_the_four_answers_differ(reference: TransformersReference) -> None:
    said = {
        reference.completion(PROMPT, 30, adapter=adapter, strength=strength) for adapter, strength in CASES.values()
    }

    assert len(said) == 4


def test_requests_at_the_same_time_do_not_mix(http: httpx.Client, reference: TransformersReference) -> None:
    asked = [*CASES] * 4
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda model: complete(http, model), asked))

    expected = {model: reference.completion(PROMPT, 30, adapter=a, strength=s) for model, (a, s) in CASES.items()}
    assert answers == [expected[model] for model in asked]


def test_the_base_computes_the_same_logits_to_the_last_bit(models: ServedModels) -> None:
    ids = torch.arange(1, 40).unsqueeze(0)
    model = load_model(options_for(models.base)).model
    with torch.inference_mode():
        alone = model(ids).logits
        adapters = LoraAdapters(model)
        specs = (AdapterSpec("a", models.facts), AdapterSpec("b.c", models.rhymes, 0.5))
        _, key = (adapters.add(adapters.read(spec)) for spec in specs)
        attached = model(ids).logits
        adapters.select([key])
        adapted = model(ids).logits
        adapters.select([BASE])
        again = model(ids).logits

    assert torch.equal(alone, attached)
    assert torch.equal(alone, again)
    assert not torch.allclose(alone, adapted)


def test_adapters_that_come_and_go_leave_nothing_behind(models: ServedModels) -> None:
    adapters = LoraAdapters(load_model(options_for(models.base)).model)

    def tensors_after(rounds: int) -> int:
        for _ in range(rounds):
            adapters.remove(adapters.add(adapters.read(AdapterSpec("a", models.facts))))
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    assert tensors_after(2) == tensors_after(10)


def refused(models: ServedModels, spec: AdapterSpec) -> ConfigError:
    model = load_model(options_for(models.base)).model
    ids = torch.arange(1, 40).unsqueeze(0)
    with torch.inference_mode():
        before = model(ids).logits
    adapters = LoraAdapters(model)
    with pytest.raises(ConfigError) as caught:
        adapters.add(adapters.read(spec))
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, before), "the base is as it was"
        adapters.select([adapters.add(adapters.read(AdapterSpec("good", models.rhymes)))])
        assert not torch.equal(model(ids).logits, before), "the next one is served"
    assert "\n" not in caught.value.message
    assert str(spec.path) in caught.value.message
    return caught.value


def test_an_adapter_of_another_size_is_refused(models: ServedModels, tmp_path: Path) -> None:
    save_model(tmp_path / "other", save_tokenizer(tmp_path / "other"), hidden=32)
    save_adapter(tmp_path / "other", tmp_path / "adapter", seed=3)

    assert "size mismatch" in refused(models, AdapterSpec("a", tmp_path / "adapter")).message


def test_an_adapter_for_layers_that_are_not_there_is_refused(models: ServedModels, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "target_modules": ["query_key_value"]}')
    (tmp_path / "adapter_model.safetensors").write_bytes((models.facts / "adapter_model.safetensors").read_bytes())

    assert "query_key_value" in refused(models, AdapterSpec("a", tmp_path)).message


def test_an_adapter_that_lacks_weights_is_refused(models: ServedModels, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(models.facts / "adapter_model.safetensors")
    weights.pop(next(name for name in weights if "layers.1" in name))
    save_file(weights, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_bytes((models.facts / "adapter_config.json").read_bytes())

    assert "1 of its weights do not match" in refused(models, AdapterSpec("a", tmp_path)).message


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "has no adapter_config.json"),
        ("{", "is no JSON"),
        ("[]", "holds no JSON object"),
        ('{"peft_type": "NOPE"}', "cannot be switched"),
        ('{"peft_type": "LORA", "r": "x", "target_modules": ["q_proj"]}', "its adapter_config.json"),
        ('{"peft_type": "LORA", "target_modules": "[/x]"}', "cannot be served"),
        ('{"peft_type": "LORA", "target_modules": ["q_proj"], "megatron_config": 4}', "its adapter_config.json"),
        ('{"peft_type": "LORA", "target_modules": ["q_proj"], "rank_pattern": "x"}', "its adapter_config.json"),
        ('{"peft_type": "PREFIX_TUNING", "task_type": "CAUSAL_LM"}', "cannot be switched"),
    ],
)
def test_a_directory_that_is_no_lora_adapter_is_refused(
    models: ServedModels, tmp_path: Path, config: str | None, said: str
) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes((models.facts / "adapter_model.safetensors").read_bytes())
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(config)

    assert said in refused(models, AdapterSpec("a", tmp_path)).message
