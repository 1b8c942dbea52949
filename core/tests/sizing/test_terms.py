"""The memory terms and the Fits made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.sizing import terms
from llmwright.sizing.dtypes import compute_dtype
from llmwright.sizing.serving_fit import ServingNeed, fit_serving
from llmwright.sizing.tuning_fit import TuningNeed, fit_tuning, lora_terms
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Architecture, Preset

GIB = 1024**3
LLAMA = Architecture(
    names=("LlamaForCausalLM",), layers=32, hidden_size=4096, intermediate_size=14336, attention_heads=32, kv_heads=8,
    head_dim=128, vocab_size=128256,
)  # fmt: skip
PRESET = Preset(
    name="llama", source="hf://a/llama", parameters=8_030_261_248, weight_bytes=16_060_522_496, context=131072,
    kv_bytes_per_token=131072, architecture=LLAMA,
)  # fmt: skip
HOST = InstanceType(name="here", cloud="local", memory_bytes=64 * GIB)
A100 = InstanceType(name="a100", cloud="azure", gpus=1, gpu_memory_bytes=80 * GIB, compute_capability=(8, 0))
V100 = replace(A100, name="v100", gpu_memory_bytes=16 * GIB, compute_capability=(7, 0))


def test_linear_layers_of_llama_3_1_8b() -> None:
    # by hand: 32 x (2 x 4096 x 128 x (32 + 8) + 3 x 4096 x 14336)
    assert terms.linear_parameters(PRESET) == 6_979_321_856
    assert terms.linear_parameters(replace(PRESET, architecture=None)) == PRESET.parameters


def test_weights_by_dtype_and_quantisation() -> None:
    full, half = terms.weights(PRESET, "float32"), terms.weights(PRESET, "bfloat16")
    assert (full.bytes, half.bytes) == (4 * PRESET.parameters, 2 * PRESET.parameters)
    four = terms.weights(PRESET, "bfloat16", "nf4").bytes
    rest = PRESET.parameters - 6_979_321_856
    assert four == pytest.approx(6_979_321_856 * 4.127 / 8 + 2 * rest, abs=1)
    assert four < terms.weights(PRESET, "bfloat16", "int8").bytes < half.bytes
    awq = replace(PRESET, quantization="awq", weight_bytes=5 * GIB)
    assert terms.weights(awq, "bfloat16", "nf4").bytes == 5 * GIB
    assert terms.weights(PRESET, "bfloat16", share=4).bytes * 4 == half.bytes


def test_kv_cache_follows_the_width_of_numbers() -> None:
    assert terms.kv_cache(PRESET, "bfloat16", 1000, 3).bytes == 3000 * 131072
    assert terms.kv_cache(PRESET, "float32", 1000).bytes == 2000 * 131072
    wide = replace(PRESET, dtype="float32")
    assert terms.kv_cache(wide, "float32", 10).bytes == 2 * terms.kv_cache(wide, "bfloat16", 10).bytes


def test_lora_counts_the_modules_that_there_are() -> None:
    assert terms.lora_parameters(PRESET, 8, ["q_proj"]) == 32 * 8 * (4096 + 4096)
    assert terms.lora_parameters(PRESET, 8, ["q_proj", "no_such"]) == 32 * 8 * (4096 + 4096)
    every = terms.lora_parameters(PRESET, 16, ())
    assert every == 41_943_040, "the count that peft prints for all linear layers of Llama 3.1 8B at rank 16"
    assert terms.lora_state(PRESET, 16, ()).bytes == every * 16


def test_numbers_are_read_in_units() -> None:
    assert [terms.count(n) for n in (704, 15_200, 3_820_000_000, 1_600_000_000_000)] == [
        "704",
        "15.2k",
        "3.82G",
        "1.6T",
    ]


def test_dtype_follows_the_machine() -> None:
    assert compute_dtype(HOST) == "float32"
    assert compute_dtype(A100) == "bfloat16"
    assert compute_dtype(V100) == "float16"
    assert compute_dtype(replace(V100, compute_capability=None)) == "bfloat16"


def test_context_is_cut_to_what_fits() -> None:
    whole = fit_serving(PRESET, A100, ServingNeed())
    assert (whole.context, whole.fits, whole.dtype) == (131072, True, "bfloat16")
    cut = fit_serving(PRESET, replace(A100, gpu_memory_bytes=24 * GIB), ServingNeed())
    assert cut.fits
    assert 2048 <= cut.context < 131072
    assert cut.context % 256 == 0
    small = fit_serving(PRESET, V100, ServingNeed())
    assert (small.context, small.fits, small.dtype) == (2048, False, "float16")
    quantised = fit_serving(PRESET, V100, ServingNeed(quantization="nf4"))
    assert quantised.fits


def test_an_engine_splits_over_gpus_or_copies() -> None:
    eight = replace(A100, gpus=8, gpu_memory_bytes=24 * GIB)
    split = fit_serving(PRESET, eight, ServingNeed(engine=True, context=4096))
    assert (split.tensor_parallel, split.data_parallel) == (8, 1)
    copies = fit_serving(PRESET, replace(eight, gpu_memory_bytes=80 * GIB), ServingNeed(engine=True, context=4096))
    assert (copies.tensor_parallel, copies.data_parallel) == (1, 8)
    assert copies.needed_bytes > split.needed_bytes


def test_tuning_terms() -> None:
    need = TuningNeed(quantization="nf4", rank=16, batch=2, context=512)
    qlora, lora = lora_terms(PRESET, need), lora_terms(PRESET, replace(need, quantization=None))
    assert [term.name for term in qlora] == ["weights", "activations", "LoRA and optimizer"]
    fit = fit_tuning(qlora, V100, dtype="float16", context=512, quantization="nf4")
    assert fit.fits
    assert not fit_tuning(lora, V100, dtype="float16", context=512).fits
    kept = lora_terms(PRESET, replace(need, checkpointing=False))
    assert kept[1].bytes > qlora[1].bytes
    assert all(term.formula and term.source for term in qlora[1:])


@given(st.integers(1, 200 * GIB), st.integers(0, 200 * GIB), st.sampled_from([0, 1, 4]), st.booleans())
def test_more_memory_never_makes_it_infeasible_nor_shortens_the_context(
    memory: int, more: int, gpus: int, engine: bool
) -> None:
    def fitted(size: int) -> tuple[bool, int]:
        found = replace(A100, gpus=gpus, gpu_memory_bytes=size, memory_bytes=size)
        fit = fit_serving(PRESET, found, ServingNeed())
        return fit.fits, fit.context

    small, large = fitted(memory), fitted(memory + more)
    assert small <= large or (small[0] <= large[0] and small[1] <= large[1])


@given(st.integers(1, 64 * GIB))
def test_a_context_that_was_chosen_fits_where_the_shortest_does(memory: int) -> None:
    found = replace(HOST, memory_bytes=memory)
    shortest = fit_serving(PRESET, found, ServingNeed(context=2048))
    assert fit_serving(PRESET, found, ServingNeed()).fits == shortest.fits
