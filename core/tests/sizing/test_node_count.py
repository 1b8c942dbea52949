"""Upstream's node count and parallelism."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.errors import InvalidWorkspace
from llmwright.sizing.node_count import gpus_needed, node_count
from llmwright.sizing.parallelism import Parallelism, fits_half_a_gpu, parallelism
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Architecture, Preset

GIB = 1024**3
PRESET = Preset(
    name="m", source="hf://a/m", parameters=4 * 10**9, weight_bytes=8 * GIB, context=8192, kv_bytes_per_token=131072,
    distributable=True,
)  # fmt: skip


def machine(gpus: int = 1, gib: float = 24) -> InstanceType:
    return InstanceType(name="sku", cloud="azure", gpus=gpus, gpu_memory_bytes=int(gib * GIB))


def verdict(preset: Preset, found: InstanceType, context: int | None = None) -> int | None:
    try:
        return node_count(preset, found, context)
    except InvalidWorkspace:
        return None


sizes = st.integers(1, 2000 * GIB)
presets = st.builds(
    lambda weight, per_token: replace(PRESET, weight_bytes=weight, kv_bytes_per_token=per_token),
    sizes,
    st.integers(0, 2**20),
)


@given(presets, st.integers(1, 16), st.floats(0.5, 200), st.floats(0, 200))
def test_more_memory_never_needs_more_nodes_nor_makes_it_infeasible(
    preset: Preset, gpus: int, gib: float, more: float
) -> None:
    small, large = verdict(preset, machine(gpus, gib)), verdict(preset, machine(gpus, gib + more))
    assert small is None or (large is not None and large <= small)


@given(presets, st.integers(1, 16), st.integers(0, 16), st.floats(0.5, 200))
def test_more_gpus_never_need_more_nodes(preset: Preset, gpus: int, more: int, gib: float) -> None:
    few, many = verdict(preset, machine(gpus, gib)), verdict(preset, machine(gpus + more, gib))
    assert few is None or (many is not None and many <= few)


@given(presets, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_longer_context_never_needs_fewer_nodes(preset: Preset, context: int, more: int) -> None:
    short, long = verdict(preset, machine(2, 80), context), verdict(preset, machine(2, 80), context + more)
    assert long is None or (short is not None and short <= long)


def test_an_exact_multiple_costs_one_gpu_more() -> None:
    found = machine(1, 24)
    room = (0.84 * 24 * GIB - 2.3 * GIB) / 1.05
    exact = replace(PRESET, weight_bytes=round(2 * room / 1.02), kv_bytes_per_token=0)
    slightly_less = replace(exact, weight_bytes=round(2 * room / 1.02) - 100)
    assert gpus_needed(slightly_less, found) == 2
    assert gpus_needed(replace(exact, weight_bytes=exact.weight_bytes + 2), found) == 3


@pytest.mark.parametrize(
    ("preset", "found", "told"),
    [
        (PRESET, machine(0, 0), "has no GPU memory"),
        (PRESET, machine(1, 2), "is too small, needs at least"),
        (replace(PRESET, weight_bytes=80 * GIB, distributable=False), machine(1, 24), "cannot be spread"),
    ],
)
def test_what_does_not_fit_says_why(preset: Preset, found: InstanceType, told: str) -> None:
    with pytest.raises(InvalidWorkspace, match=told) as caught:
        node_count(preset, found)
    assert caught.value.problems[0].reason == "DoesNotFit"
    assert caught.value.problems[0].hint


def test_a_slice_does_not_spill_over() -> None:
    with pytest.raises(InvalidWorkspace, match="which only provides 1"):
        node_count(replace(PRESET, weight_bytes=30 * GIB), machine(1, 24), single_device=True)


def test_parallelism_copies_small_models_and_splits_large_ones() -> None:
    assert parallelism(8 * GIB, machine(4, 40)) == Parallelism(data=4)
    assert parallelism(20 * GIB, machine(4, 40)) == Parallelism(tensor=4)
    assert parallelism(8 * GIB, machine(4, 40), nodes=2) == Parallelism(tensor=4, pipeline=2)
    assert parallelism(8 * GIB, machine(1, 80)) == Parallelism()
    assert not fits_half_a_gpu(8 * GIB, None)
    assert not fits_half_a_gpu(0, machine(4, 40))


@pytest.mark.parametrize(
    ("heads", "gigabytes", "gpus", "memory", "nodes", "spread"),
    [
        ((32, 8), 30, 8, 24, 1, Parallelism(tensor=8)),
        ((32, 4), 30, 8, 24, 1, Parallelism(tensor=8)),
        ((40, 10), 30, 4, 24, 1, Parallelism(tensor=2, pipeline=2)),
        ((40, 10), 30, 8, 40, 1, Parallelism(tensor=2, data=4)),
        ((28, 4), 60, 8, 24, 1, Parallelism(tensor=4, pipeline=2)),
        ((28, 4), 60, 8, 24, 2, Parallelism(tensor=4, pipeline=4)),
        ((71, 1), 30, 4, 24, 1, Parallelism(pipeline=4)),
        ((128, 1), 600, 8, 80, 2, Parallelism(tensor=8, pipeline=2)),
        ((24, 4), 50, 8, 40, 1, Parallelism(tensor=8)),
    ],
)
def test_each_gpu_gets_as_many_heads_as_the_others(
    heads: tuple[int, int], gigabytes: int, gpus: int, memory: int, nodes: int, spread: Parallelism
) -> None:
    sizes = Architecture(
        names=(),
        layers=40,
        hidden_size=4096,
        intermediate_size=16384,
        attention_heads=heads[0],
        kv_heads=heads[1],
        head_dim=128,
        vocab_size=32000,
    )
    assert parallelism(gigabytes * GIB, machine(gpus, memory), nodes, sizes) == spread
