"""Whether the figures of a preset can be true: units, and arithmetic between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict

from llmwright.catalogue.yaml_fields import camel_case
from llmwright.values.preset import Architecture, Preset

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1, "float64": 8}
"""Bytes of one number, by number format."""

CACHED = 2
"""Bytes at most of a number in ``kvBytesPerToken``: sizing widens it where a model runs in more."""

QUANTISED = (0.45, 1.6)
"""Bytes for each weight of a quantised model: 4 to 8 bits, and scales and embeddings that stay as they were."""

DENSE = re.compile("(Llama|Mistral|Qwen2|Qwen3|Phi3|Cohere)ForCausalLM")
"""Networks of attention and one gated feed-forward layer: their weights can be counted from the sizes."""

SPLIT = re.compile("(Llama|Mistral|Qwen2|Qwen3)ForCausalLM")
SPLIT_MODULES = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
"""The modules that LoRA may change in networks whose attention has a matrix each for queries, keys and values."""

CLASS = re.compile(r"[A-Z]\w*(For[A-Z]\w+|LMHeadModel|Model|_V\d+)")
"""How transformers names the class of a network."""

MOST_DISK = 100
"""A disk of so many times the weights is one in another unit."""

LATENT = frozenset({320, 576})
"""Numbers of one token and layer where keys and values are kept compressed (multi-head latent attention)."""

COUNTED, ROUNDED = ("parameters", "weightBytes"), 0.05
"""Figures that two packs may have rounded, and by which part."""

CONTEXTS = (128, 20_000_000)


def model_faults(preset: Preset) -> Iterator[str]:
    """Yield all that cannot be true of ``preset``, in words, each with its key."""
    yield from _weight_faults(preset)
    if not CONTEXTS[0] <= preset.context <= CONTEXTS[1]:
        yield f"context is {preset.context} tokens"
    if preset.disk_bytes and preset.disk_bytes < preset.weight_bytes:
        yield f"diskBytes is {preset.disk_bytes}, less than weightBytes"
    if preset.disk_bytes > MOST_DISK * preset.weight_bytes + 2**40:
        yield f"diskBytes is {preset.disk_bytes}, and the weights have {preset.weight_bytes}"
    yield from _name_faults(preset)
    if preset.architecture is not None:
        yield from _architecture_faults(preset, preset.architecture)
    for key, named in (("flags are", preset.flags), ("runtimeConfig is", preset.runtime_config)):
        strangers = sorted({name.split(".")[0] for name in named} - set(preset.runtimes))
        if strangers:
            yield f"{key} for {', '.join(strangers)}, which runtimes does not list"
    if not all(re.fullmatch(r"[\w.-]+", target) for target in preset.lora_targets):
        yield f"loraTargets are {preset.lora_targets}, which are no names of modules"


def differences(preset: Preset, other: Preset) -> Iterator[str]:
    """Yield the figures that ``other``, which loads the same weights, has otherwise."""
    here, there = dict(_figures(preset)), dict(_figures(other))
    stored = (preset.dtype, preset.quantization) == (other.dtype, other.quantization)
    for name in sorted(here.keys() & there.keys()):
        counted = name in COUNTED
        # Packs count differently: with or without an output layer that is the embedding once more, or by the files.
        same = abs(here[name] - there[name]) <= ROUNDED * there[name] if counted else here[name] == there[name]
        if not same and (stored or name != "weightBytes"):
            yield f"{name} is {here[name]}, and {other.name} of {other.origin}, from the same source, has {there[name]}"


def _figures(preset: Preset) -> Iterator[tuple[str, int]]:
    yield "parameters", preset.parameters
    yield "weightBytes", preset.weight_bytes
    for name, size in asdict(preset.architecture).items() if preset.architecture is not None else ():
        if isinstance(size, int) and size:
            yield f"architecture.{camel_case(name)}", size


def _name_faults(preset: Preset) -> Iterator[str]:
    """Yield what is wrong with its names: family, aliases, runtimes, flags."""
    if not preset.family.strip():
        yield "no family"
    if preset.name in preset.aliases:
        yield "an alias is its own name"
    if len({*preset.runtimes}) < len(preset.runtimes):
        yield f"runtimes names one twice: {', '.join(preset.runtimes)}"
    dashed = [flag for flags in preset.flags.values() for flag in flags if flag.startswith("-")]
    if dashed:
        yield f"the flag {dashed[0]} begins with dashes, which the runtime puts before it"


def _weight_faults(preset: Preset) -> Iterator[str]:
    number = BYTES.get(preset.dtype)
    if number is None:
        yield f"dtype is {preset.dtype!r}, none of {', '.join(BYTES)}"
        return
    least, most = QUANTISED if preset.quantization else (0.97 * number, 1.03 * number)
    each = preset.weight_bytes / preset.parameters
    if not least <= each <= most:
        form = preset.quantization or preset.dtype
        yield (
            f"weightBytes / parameters is {each:.4g}, and {form} has {least:.3g} to {most:.3g} bytes for each weight: "
            "one of weightBytes, parameters, dtype and quantization is wrong, or in another unit"
        )


def _architecture_faults(preset: Preset, sizes: Architecture) -> Iterator[str]:
    if not sizes.names or not all(map(CLASS.fullmatch, sizes.names)):
        yield f"architecture.names is {list(sizes.names)}: write the class as config.json has it, LlamaForCausalLM"
    strange = sorted({*preset.lora_targets} - SPLIT_MODULES) if any(map(SPLIT.fullmatch, sizes.names)) else []
    if strange:
        yield f"loraTargets has {', '.join(strange)}, and {sizes.names[0]} has no such module"
    if sizes.kv_heads > sizes.attention_heads or sizes.attention_heads % sizes.kv_heads:
        yield f"kvHeads is {sizes.kv_heads}, which does not divide attentionHeads, {sizes.attention_heads}"
    number = min(BYTES.get(preset.dtype, 2), CACHED)
    token = 2 * sizes.layers * sizes.kv_heads * sizes.head_dim * number
    compressed = {size * sizes.layers * number for size in LATENT} if sizes.kv_heads == sizes.attention_heads else set()
    if not 0.99 <= preset.kv_bytes_per_token / token <= 1.01 and preset.kv_bytes_per_token not in compressed:
        yield (
            f"kvBytesPerToken is {preset.kv_bytes_per_token}, and 2 x layers x kvHeads x headDim x {number} bytes is "
            f"{token}; it is over all layers, in numbers of 2 bytes, or 1 where the dtype has 1"
        )
    if not 0.25 <= sizes.head_dim * sizes.attention_heads / sizes.hidden_size <= 16:
        yield f"headDim x attentionHeads is {sizes.head_dim * sizes.attention_heads}, hiddenSize {sizes.hidden_size}"
    if any(DENSE.fullmatch(name) for name in sizes.names) and sizes.intermediate_size and sizes.vocab_size:
        yield from _count_faults(preset, sizes)


def _count_faults(preset: Preset, sizes: Architecture) -> Iterator[str]:
    """Yield where the sizes make another number of weights; the output layer may share the embedding's or not."""
    width = sizes.hidden_size
    attention = 2 * width * sizes.head_dim * (sizes.attention_heads + sizes.kv_heads)
    embedding = width * sizes.vocab_size
    tied = sizes.layers * (attention + 3 * width * sizes.intermediate_size) + embedding
    if not 0.96 * tied <= preset.parameters <= 1.04 * (tied + embedding):
        yield (
            f"parameters is {preset.parameters}, and the sizes of its architecture make {tied} to {tied + embedding}: "
            "one of them is wrong, or in another unit"
        )
