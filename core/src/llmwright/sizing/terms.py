"""The memory terms, each a small function with its formula and the source of the formula.

Amounts are bytes on one device; ``share`` is the number of devices that a term is split over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from llmwright.sizing.dtypes import width
from llmwright.values.fit import MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Architecture, Preset

MIB = 1024**2
GIB = 1024**3

HOST_PROCESS_BYTES = 475 * MIB
GPU_PROCESS_BYTES = 1 * GIB
ENGINE_PROCESS_BYTES = round(2.3 * GIB)
RESERVE = 0.05

_QUANTISED_BITS = {"nf4": 4.127, "fp4": 4.5, "int8": 8.0}
_BYTES_PER_TRAINED = 16
_ACTIVATION_FACTOR = 17
_EXPERTS = 1.1


def linear_parameters(preset: Preset) -> int:
    """Count the weights in the linear layers of the blocks. bitsandbytes quantises these, and no embeddings or head.

    Per layer: queries and output (hidden x heads x head size, twice), keys and values (hidden x KV heads x head size,
    twice), and gate, up and down (hidden x intermediate, three times). Models with experts have more: for those, and
    where a size is not known, everything but an untied embedding and head counts.
    """
    sizes = preset.architecture
    if sizes is None:
        return preset.parameters
    embeddings = 2 * sizes.vocab_size * sizes.hidden_size
    if not sizes.intermediate_size:
        return max(0, preset.parameters - embeddings)
    attention = 2 * sizes.hidden_size * sizes.head_dim * (sizes.attention_heads + sizes.kv_heads)
    dense = sizes.layers * (attention + 3 * sizes.hidden_size * sizes.intermediate_size)
    beyond = preset.parameters - embeddings
    return min(preset.parameters, beyond if beyond > _EXPERTS * dense else dense)


def weights(preset: Preset, dtype: str, quantization: str | None = None, share: int = 1) -> MemoryTerm:
    """The model's weights.

    A quantised checkpoint takes its size on disk. Quantised while loading: linear layers at 4.127
    bits (nf4 with double quantisation: QLoRA, arXiv 2305.14314, section 3), 4.5 bits (4-bit with one float32 constant
    per 64 weights) or 8 bits (LLM.int8, arXiv 2208.07339); the rest in ``dtype``.
    """
    if preset.quantization:
        total, formula = preset.weight_bytes, f"{preset.quantization} checkpoint as on disk"
    elif quantization in _QUANTISED_BITS:
        linear = linear_parameters(preset)
        bits, rest = _QUANTISED_BITS[quantization], preset.parameters - linear
        total = math.ceil(linear * bits / 8) + rest * width(dtype)
        formula = f"{count(linear)} weights x {bits} bits + {count(rest)} x {width(dtype)} B"
    else:
        total = preset.parameters * width(dtype)
        formula = f"{count(preset.parameters)} weights x {width(dtype)} B ({dtype})"
    return _split("weights", total, formula, preset.fact_source, share)


def kv_cache(preset: Preset, dtype: str, context: int, concurrency: int = 1, share: int = 1) -> MemoryTerm:
    """Keys and values of ``concurrency`` sequences of ``context`` tokens, and their states.

    The preset's bytes per token (2 x layers x KV heads x head size x 2 B, or the compressed vector of latent attention:
    arXiv 2405.04434) are for 2-byte numbers. Layers with a window keep its tokens alone (arXiv 2004.05150), layers
    without attention a state of one size (arXiv 2312.00752).
    """
    growing, windowed = _growing(preset, dtype), _windowed(preset, dtype)
    parts = [f"{context} tokens x {growing} B"] if growing or not (windowed or preset.state_bytes) else []
    parts += [f"{min(context, preset.kv_window)} tokens x {windowed} B"] if windowed else []
    parts += [f"a state of {count(preset.state_bytes)} B"] if preset.state_bytes else []
    each = " + ".join(parts) if len(parts) == 1 else f"({' + '.join(parts)})"
    total = cache_bytes(preset, dtype, context) * concurrency
    return _split("KV cache", total, f"{concurrency} x {each}", preset.fact_source, share)


def cache_bytes(preset: Preset, dtype: str, tokens: int) -> int:
    """Return the bytes of a sequence of ``tokens`` in the cache when the model runs in ``dtype``."""
    inside = min(tokens, preset.kv_window)
    return tokens * _growing(preset, dtype) + inside * _windowed(preset, dtype) + preset.state_bytes


def further_tokens(preset: Preset, dtype: str, room: float, tokens: int) -> int | None:
    """Return the tokens beyond ``tokens`` that one sequence's cache holds in ``room`` bytes; None for any number."""
    growing, windowed = _growing(preset, dtype), _windowed(preset, dtype)
    inside = max(0, preset.kv_window - tokens) if windowed else 0
    if room < inside * (growing + windowed):
        return int(room // (growing + windowed))
    return inside + int((room - inside * (growing + windowed)) // growing) if growing else None


def _growing(preset: Preset, dtype: str) -> int:
    return _in_dtype(preset, dtype, preset.kv_bytes_per_token - preset.kv_windowed_bytes_per_token)


def _windowed(preset: Preset, dtype: str) -> int:
    return _in_dtype(preset, dtype, preset.kv_windowed_bytes_per_token)


def _in_dtype(preset: Preset, dtype: str, size: int) -> int:
    return size * width(dtype) // min(2, width(preset.dtype))


def prefill_activations(preset: Preset, dtype: str, tokens: int, share: int = 1) -> MemoryTerm:
    """Activations in memory while ``tokens`` of a prompt pass through one layer.

    Residual and normed input, queries, keys, values and attention's output (4 x hidden), and the gated MLP's two
    branches (2 x intermediate); layers follow one another in the same memory. Logits are made for the last token only.
    Attention itself is computed in tiles (arXiv 2205.14135), so no term grows with the square of ``tokens``.
    """
    sizes = preset.architecture
    per_token = (4 * sizes.hidden_size + 2 * intermediate(sizes)) if sizes else 0
    total = tokens * per_token * width(dtype)
    return _split("activations", total, f"{tokens} tokens x {per_token} x {width(dtype)} B", "arXiv 2205.14135", share)


def training_activations(preset: Preset, dtype: str, tokens: int, *, checkpointing: bool) -> MemoryTerm:
    """Activations that the backward pass needs for ``tokens`` (rows of a batch x their length).

    17 x hidden numbers per token and layer, of any width (arXiv 2205.05198, equation 2: 34 B in 16 bit, attention's
    scores recomputed). With checkpointing only each layer's input stays, and one layer is whole at a time (section 5).
    The loss holds logits, their softmax and their gradient in float32 over the vocabulary.
    """
    sizes = preset.architecture
    if sizes is None:
        return MemoryTerm("activations", 0, "the architecture is not known")
    layer = _ACTIVATION_FACTOR * sizes.hidden_size
    per_token = sizes.layers * sizes.hidden_size + layer if checkpointing else sizes.layers * layer
    logits = 3 * 4 * sizes.vocab_size
    total = tokens * (per_token * width(dtype) + logits)
    formula = f"{tokens} tokens x ({count(per_token)} x {width(dtype)} B + {count(logits)} B of logits)"
    return MemoryTerm("activations", total, formula, "arXiv 2205.05198")


def lora_parameters(preset: Preset, rank: int, targets: Iterable[str]) -> int:
    """Trained numbers: ``rank`` x (inputs + outputs) for each target of each layer (LoRA, arXiv 2106.09685).

    A name that is no linear layer of this architecture counts nothing. Without such a name, every linear layer counts.
    """
    sizes = preset.architecture
    if sizes is None:
        return preset.parameters // 100
    shapes = _linear_shapes(sizes)
    names = set(targets) & shapes.keys() or _SEPARATE
    return sizes.layers * rank * sum(sum(shapes[name]) for name in names)


def lora_state(preset: Preset, rank: int, targets: Iterable[str]) -> MemoryTerm:
    """Adapter, gradient and both of Adam's moments, in float32: 16 B per trained number (arXiv 1412.6980)."""
    trained = lora_parameters(preset, rank, targets)
    formula = f"{count(trained)} trained (rank {rank}) x {_BYTES_PER_TRAINED} B"
    return MemoryTerm("LoRA and optimizer", trained * _BYTES_PER_TRAINED, formula, "arXiv 2106.09685, 1412.6980")


def adapters(preset: Preset, dtype: str, number: int, rank: int = 16) -> MemoryTerm:
    """``number`` adapters kept beside the base while serving, each of ``rank`` on every linear layer."""
    each = lora_parameters(preset, rank, ())
    formula = f"{number} x {count(each)} x {width(dtype)} B"
    return MemoryTerm("adapters", number * each * width(dtype), formula, "arXiv 2106.09685")


def process(machine: InstanceType, *, engine: bool = False) -> MemoryTerm:
    """Memory of the program before any tensor.

    On a host: interpreter, torch, transformers, peft and bitsandbytes, resident once the trainer has imported them
    (torch 2.13, CPU build, transformers 5.24: 474 MiB). On a GPU: an assumed amount for CUDA's context and libraries,
    not measured here. For an engine with CUDA graphs: upstream's 2.3 GiB (KAITO v0.12, nodesestimator).
    """
    if machine.gpus == 0:
        return MemoryTerm("process", HOST_PROCESS_BYTES, "interpreter, torch, transformers, peft", "measured")
    if engine:
        return MemoryTerm("process", ENGINE_PROCESS_BYTES, "CUDA context, graphs and engine", "KAITO v0.12")
    return MemoryTerm("process", GPU_PROCESS_BYTES, "CUDA context and libraries", "an allowance")


def reserve(terms: Iterable[MemoryTerm]) -> MemoryTerm:
    """Memory lost to fragmentation: 5 % of all tensors, upstream's factor on weights (KAITO v0.12, nodesestimator)."""
    total = sum(term.bytes for term in terms if term.name != "process")
    return MemoryTerm("reserve", math.ceil(total * RESERVE), "5 % of the above but the process", "KAITO v0.12")


def intermediate(sizes: Architecture) -> int:
    """Width of the MLP; 4 x hidden, the usual one, where it is not known."""
    return sizes.intermediate_size or 4 * sizes.hidden_size


def count(number: int) -> str:
    """Format ``number`` for people: ``3.82G``, ``15.2M``, ``704``."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**4)):
        if number >= size:
            return f"{number / min(size, 10**3 if unit == 'k' else size):.3g}{unit}"
    return str(number)


_SEPARATE = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})


def _linear_shapes(sizes: Architecture) -> dict[str, tuple[int, int]]:
    hidden, queries, keys = sizes.hidden_size, sizes.attention_heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    inner = intermediate(sizes)
    return {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "qkv_proj": (hidden, queries + 2 * keys),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, inner),
        "up_proj": (hidden, inner),
        "gate_up_proj": (hidden, 2 * inner),
        "down_proj": (inner, hidden),
    }


def _split(name: str, total: int, formula: str, source: str, share: int) -> MemoryTerm:
    text = f"({formula}) / {share} GPUs" if share > 1 else formula
    return MemoryTerm(name, math.ceil(total / share), text, source)
