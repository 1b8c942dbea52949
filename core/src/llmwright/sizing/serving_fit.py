"""The Fit of a model that is served: dtype, context and what fills the memory."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.sizing import terms
from llmwright.sizing.dtypes import compute_dtype
from llmwright.sizing.node_count import UTILIZATION
from llmwright.sizing.parallelism import Parallelism, parallelism
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

SHORTEST_CONTEXT = 2048
PREFILL_TOKENS = 2048
PROCESS = "process"
HOST_SHARE = 0.9
GPU_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingNeed:
    """The wish for serving. ``context`` None takes the longest that fits. ``engine``: it has a KV pool, as vLLM has.

    ``own`` are terms by the runtime's own account. They take the place of those of the same name.
    """

    context: int | None = None
    concurrency: int = 1
    adapters: int = 0
    quantization: str | None = None
    engine: bool = False
    own: tuple[MemoryTerm, ...] = ()


def budget(machine: InstanceType, *, engine: bool = False) -> int:
    """Return the bytes on one device that a model may fill.

    90 % of a host's memory, because the system needs the rest. 95 % of a GPU's memory; for an engine the share that its
    flag sets (upstream's 84 %).
    """
    if machine.gpus == 0:
        return int(machine.memory_bytes * HOST_SHARE)
    return int(machine.gpu_memory_bytes * (UTILIZATION if engine else GPU_SHARE))


def fit_serving(preset: Preset, machine: InstanceType, need: ServingNeed, nodes: int = 1) -> Fit:
    """Return the Fit of ``preset`` on ``nodes`` machines; its ``fits`` is False where memory is missing.

    Without a wished context, the context is the model's own. Where that is too long for the memory, it is the longest
    multiple of 256 tokens that fits, and at least ``SHORTEST_CONTEXT``.
    """
    spread = (
        parallelism(preset.weight_bytes, machine, nodes, preset.architecture) if need.engine else _one_process(machine)
    )
    dtype = compute_dtype(machine, preset.dtype)
    capacity = budget(machine, engine=need.engine)
    context = need.context or _longest(preset, machine, need, spread, dtype, capacity)
    return Fit(
        instance_type=machine,
        nodes=nodes,
        gpus=machine.gpus,
        dtype=dtype,
        quantization=need.quantization,
        context=context,
        concurrency=need.concurrency,
        tensor_parallel=spread.tensor if need.engine else 1,
        pipeline_parallel=spread.pipeline,
        data_parallel=spread.data,
        terms=serving_terms(preset, machine, need, spread, dtype, context),
        budget_bytes=capacity,
    )


def serving_terms(
    preset: Preset, machine: InstanceType, need: ServingNeed, spread: Parallelism, dtype: str, context: int
) -> tuple[MemoryTerm, ...]:
    """Return all memory terms on one device."""
    share = spread.tensor * spread.pipeline
    tensors = [
        terms.weights(preset, dtype, need.quantization, share),
        terms.kv_cache(preset, dtype, context, need.concurrency, share),
        terms.prefill_activations(preset, dtype, min(context, PREFILL_TOKENS), spread.tensor),
    ]
    if need.adapters:
        tensors.append(terms.adapters(preset, dtype, need.adapters))
    own = {term.name: term for term in need.own}
    process = own.pop(PROCESS, None) or terms.process(machine, engine=need.engine)
    tensors = [own.pop(term.name, term) for term in tensors]
    tensors += own.values()
    return (*tensors, process, terms.reserve(tensors))


def _one_process(machine: InstanceType) -> Parallelism:
    """One process whose layers are spread over the machine's GPUs (accelerate's ``device_map=auto``)."""
    return Parallelism(tensor=max(1, machine.gpus))


def _longest(
    preset: Preset, machine: InstanceType, need: ServingNeed, spread: Parallelism, dtype: str, capacity: int
) -> int:
    shortest = min(SHORTEST_CONTEXT, preset.context)
    fixed = sum(term.bytes for term in serving_terms(preset, machine, need, spread, dtype, shortest))
    share = spread.tensor * spread.pipeline
    room = (capacity - fixed) * share / (need.concurrency * (1 + terms.RESERVE))
    if room <= 0:
        return shortest
    further = terms.further_tokens(preset, dtype, room, shortest)
    longest = preset.context if further is None else shortest + further
    return preset.context if longest >= preset.context else max(shortest, longest // 256 * 256)
