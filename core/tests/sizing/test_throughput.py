"""Estimated tokens per second: how they move with the machine, and what they never exceed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.sizing.serving_fit import ServingNeed, fit_serving
from llmwright.sizing.throughput import BANDWIDTH_SHARE, Load, serving_tokens_per_s, tuning_tokens_per_s
from llmwright.sizing.tuning_fit import fit_tuning
from llmwright.testing import make_instance_type, make_preset
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Architecture, Preset

GIB = 1024**3
SIZES = Architecture(
    names=("LlamaForCausalLM",),
    layers=32,
    hidden_size=4096,
    intermediate_size=14336,
    attention_heads=32,
    kv_heads=8,
    head_dim=128,
    vocab_size=128256,
)
MODEL = make_preset(
    parameters=8 * 10**9,
    weight_bytes=16 * 10**9,
    dtype="bfloat16",
    context=8192,
    kv_bytes_per_token=131072,
    architecture=SIZES,
)
ONE = Load(sequences=1, tokens=2048)


def gpus(number: int = 1, gib: int = 80, bandwidth: float = 2000, nvlink: bool = False) -> InstanceType:
    return make_instance_type(
        name="m",
        gpus=number,
        gpu_memory_bytes=gib * GIB,
        compute_capability=(8, 0),
        gpu_gigabytes_per_s=bandwidth,
        gpu_teraflops=300,
        nvlink=nvlink,
    )


def served(machine: InstanceType, load: Load = ONE, nodes: int = 1, preset: Preset = MODEL) -> float:
    return serving_tokens_per_s(preset, fit_serving(preset, machine, ServingNeed(engine=True), nodes), load)


def test_one_request_is_bound_by_the_weights_that_each_token_reads() -> None:
    bytes_read = 16e9 + 2048 * 131072
    assert served(gpus()) == pytest.approx(2000e9 * BANDWIDTH_SHARE / bytes_read)


def test_requests_share_the_reading_of_the_weights() -> None:
    assert served(gpus(), Load(16, 2048)) > 10 * served(gpus())


def test_a_small_cache_bounds_the_requests_at_once() -> None:
    tight = gpus(gib=24)
    assert served(tight, Load(64, 2048)) == pytest.approx(served(tight, Load(256, 2048)))
    assert served(gpus(), Load(256, 2048)) > served(gpus(), Load(64, 2048))


def test_links_between_gpus_decide_what_tensor_parallelism_gains() -> None:
    alone, pcie, nvlink = served(gpus(2, 16)), served(gpus(4, 16)), served(gpus(4, 16, nvlink=True))
    assert alone < pcie < nvlink < 4 * served(gpus(bandwidth=2000))


def test_a_pipeline_over_nodes_makes_one_request_no_faster() -> None:
    large = replace(MODEL, parameters=70 * 10**9, weight_bytes=140 * 10**9)
    assert served(gpus(), nodes=4, preset=large) <= served(gpus(gib=400), preset=large)


def test_layers_over_several_gpus_without_an_engine_run_one_after_another() -> None:
    spread = fit_serving(MODEL, gpus(4, 16), ServingNeed())
    whole = fit_serving(MODEL, gpus(1, 80), ServingNeed())
    assert serving_tokens_per_s(MODEL, spread, ONE) == pytest.approx(serving_tokens_per_s(MODEL, whole, ONE))


def test_unknown_gpus_have_no_estimate() -> None:
    assert served(gpus(bandwidth=0)) == 0


def test_tuning_is_bound_by_the_flops_of_all_gpus() -> None:
    one, four = (fit_tuning((), gpus(number), dtype="bfloat16", context=2048) for number in (1, 4))
    assert tuning_tokens_per_s(MODEL, four) == pytest.approx(4 * tuning_tokens_per_s(MODEL, one))
    assert tuning_tokens_per_s(MODEL, one) == pytest.approx(300e12 * 0.4 / (6 * 8e9))


@given(
    bandwidth=st.floats(100, 10000),
    number=st.sampled_from([1, 2, 4, 8]),
    nodes=st.integers(1, 8),
    sequences=st.integers(1, 256),
)
def test_no_estimate_exceeds_the_bandwidth_of_all_gpus(
    bandwidth: float, number: int, nodes: int, sequences: int
) -> None:
    machine = gpus(number, 80, bandwidth, nvlink=True)
    speed = served(machine, Load(sequences, 2048), nodes)
    read_per_token = 16e9 / sequences
    assert 0 < speed <= bandwidth * 1e9 * number * nodes / read_per_token
