"""What a preset tells of the layers that an adapter may change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmwright.catalogue.adapter_fit import misfits
from llmwright.catalogue.base_layers import BaseLayers, base_layers
from llmwright.testing.presets import make_preset
from llmwright.values.lora_adapter import LoraAdapter
from llmwright.values.preset import Architecture

LLAMA = Architecture(
    names=("LlamaForCausalLM",), layers=2, hidden_size=64, intermediate_size=128, attention_heads=4, kv_heads=2,
    head_dim=32, vocab_size=256,
)  # fmt: skip


def layers_of(*names: str) -> BaseLayers:
    return base_layers(replace(make_preset(), architecture=replace(LLAMA, names=names), lora_targets=()))


def kinds(target: str, shape: tuple[int, int], *names: str) -> list[str]:
    layer = f"base_model.model.model.layers.1.self_attn.{target}.lora_A.weight"
    adapter = LoraAdapter(base="", rank=4, targets=(target,), shapes={layer: shape})
    base = layers_of(*names)
    return [each.kind for each in misfits(adapter, sizes=base.sizes, complete=base.complete, layers=2)]


def test_every_block_reads_the_width_of_the_network() -> None:
    assert kinds("q_proj", (4, 64), "LlamaForCausalLM") == []
    assert kinds("q_proj", (4, 32), "LlamaForCausalLM") == ["shape"]
    assert kinds("lm_head", (4, 64), "LlamaForCausalLM") == []
    assert kinds("c_attn", (4, 64), "LlamaForCausalLM") == ["modules"]


@pytest.mark.parametrize("name", ["LlavaForConditionalGeneration", "MixtralForCausalLM", "NobodyKnowsForCausalLM"])
def test_less_is_known_of_models_that_see_and_of_experts(name: str) -> None:
    assert kinds("c_attn", (4, 7), name) == []


def test_what_sees_has_blocks_of_another_width() -> None:
    assert kinds("q_proj", (4, 32), "LlavaForConditionalGeneration") == []
