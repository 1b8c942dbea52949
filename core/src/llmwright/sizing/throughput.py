"""Estimated tokens per second, from the memory bandwidth, the FLOPS and the links of the GPUs. For ranking machines.

A roofline (Williams et al. 2009, doi 10.1145/1498765.1498785) of one decoding step, as arXiv 2211.05102 applies it to
language models: a step reads the weights and the KV cache once, or is bound by its FLOPS. Parallelism adds the time of
its messages. The shares of the peaks that a program reaches, and the figures of the links, are assumptions for all GPUs
alike: ratios between machines are worth more than the number itself. Models with experts are taken to read all of them,
so that their number is a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.sizing import terms
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

BANDWIDTH_SHARE = 0.6
FLOPS_SHARE = 0.4
NETWORK_HOP_S = 100e-6
FLOP_PER_TUNED_PARAMETER = 6
"""Forward 2, again for checkpoints 2, gradients of activations 2; LoRA needs none of the base (arXiv 2106.09685)."""


@dataclass(frozen=True, slots=True)
class Load:
    """The requests to estimate for: ``sequences`` at once, each with ``tokens`` of context."""

    sequences: int = 16
    tokens: int = 2048


@dataclass(frozen=True, slots=True)
class _Link:
    latency_s: float
    bytes_per_s: float


_NVLINK = _Link(10e-6, 300e9)
_PCIE = _Link(30e-6, 16e9)


def serving_tokens_per_s(preset: Preset, fit: Fit, load: Load) -> float:
    """Return the tokens per second that one replica generates for all sequences together; 0 where it is not known.

    With n sequences, as many as the KV cache holds, in m = min(n, stages) groups, a stage of the pipeline takes
    max(bytes / bandwidth, FLOP / FLOPS) + messages for its share of the layers and n / m sequences. All n sequences
    advance by a token in the time of all stages. Copies of the model share the load.
    """
    machine = fit.instance_type
    if not machine.gpu_gigabytes_per_s or not machine.gpu_teraflops:
        return 0.0
    copies = max(1, fit.data_parallel)
    sequences = max(1.0, min(load.sequences / copies, _sequences_in_memory(preset, fit, load)))
    stages = max(1, fit.pipeline_parallel)
    group = sequences / min(sequences, stages)
    return copies * sequences / (stages * _stage_s(preset, fit, group, min(load.tokens, preset.context)))


def tuning_tokens_per_s(preset: Preset, fit: Fit) -> float:
    """Return the tokens per second that LoRA trains on, bound by the FLOPS of all GPUs; 0 where it is not known."""
    flops = fit.instance_type.gpu_teraflops * 1e12 * FLOPS_SHARE * max(1, fit.gpus)
    return flops / (FLOP_PER_TUNED_PARAMETER * preset.parameters) if preset.parameters else 0.0


def _stage_s(preset: Preset, fit: Fit, sequences: float, tokens: int) -> float:
    machine, stages = fit.instance_type, max(1, fit.pipeline_parallel)
    share = max(1, fit.tensor_parallel) * stages
    weights = terms.weights(preset, fit.dtype, fit.quantization).bytes
    read = weights + sequences * terms.cache_bytes(preset, fit.dtype, tokens)
    memory_s = read / share / (machine.gpu_gigabytes_per_s * 1e9 * BANDWIDTH_SHARE)
    compute_s = 2 * preset.parameters * sequences / share / (machine.gpu_teraflops * 1e12 * FLOPS_SHARE)
    return max(memory_s, compute_s) + _messages_s(preset, fit, sequences) + (NETWORK_HOP_S if stages > 1 else 0.0)


def _messages_s(preset: Preset, fit: Fit, sequences: float) -> float:
    """Time of the two all-reduces of each layer over the GPUs of a machine (arXiv 1909.08053, section 3)."""
    sizes, parallel = preset.architecture, fit.tensor_parallel
    if sizes is None or parallel < 2:
        return 0.0
    link = _link(fit.instance_type)
    sent = 2 * (parallel - 1) / parallel * sequences * sizes.hidden_size * 2
    return 2 * sizes.layers / max(1, fit.pipeline_parallel) * (link.latency_s + sent / link.bytes_per_s)


def _link(machine: InstanceType) -> _Link:
    return _NVLINK if machine.nvlink else _PCIE


def _sequences_in_memory(preset: Preset, fit: Fit, load: Load) -> float:
    cached = next((term.bytes for term in fit.terms if term.name == "KV cache"), 0)
    tokens = fit.context * fit.concurrency
    if not cached or not tokens:
        return float(load.sequences)
    room = max(0, fit.budget_bytes - fit.needed_bytes) / (1 + terms.RESERVE)
    return (tokens + room * tokens / cached) / min(load.tokens, preset.context)
