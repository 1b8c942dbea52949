"""The kind of each layer of a model, as transformers names them: what it sees of the tokens before.

A new config lists them (``layer_types``). Older ones, as most on hubs are, give a pattern by other names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from typing import Any, TypeGuard

FULL, SLIDING, CHUNKED, LINEAR = "full_attention", "sliding_attention", "chunked_attention", "linear_attention"

STATE_ONLY = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"})
"""Model types without attention: a state of one size takes the place of the KV cache."""

_OTHER_NAMES = {"attention": FULL, "mamba": LINEAR, "recurrent": LINEAR}
_LETTERS = {"M": LINEAR, "*": FULL, "-": "mlp", "E": "moe"}
_EACH_FULL = {"gemma2": 2, "gemma3_text": 6, "gemma4_text": 6, "cohere2": 4, "gpt_oss": 2}
"""One of so many layers sees everything where the config leaves the pattern to its model type (transformers)."""


def layer_kinds(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    """Return one kind per layer of a language model's ``config``."""
    if str(config.get("model_type")) in STATE_ONLY:
        return (LINEAR,) * layers
    for name, read in _WRITTEN.items():
        if config.get(name):
            return read(config, layers)
    if str(config.get("model_type")) == "falcon_h1":
        return ("hybrid",) * layers
    return _with_windows(config, layers)


def written_layers(config: Mapping[str, Any]) -> int | None:
    """Return the number of layers where only a list of their kinds says it."""
    kinds = config.get("layers_block_type") or config.get("layer_types")
    return len(kinds) if _are_texts(kinds) else None


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(part, str) for part in value)


def _listed(name: str) -> Callable[[Mapping[str, Any], int], Sequence[str]]:
    def read(config: Mapping[str, Any], layers: int) -> Sequence[str]:
        kinds = config[name]
        if not _are_texts(kinds):
            return (FULL,) * layers
        return tuple(_OTHER_NAMES.get(kind, kind) for kind in islice(cycle(kinds), layers))

    return read


def _letters(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    return tuple(_LETTERS.get(letter, FULL) for letter in str(config["hybrid_override_pattern"]))[:layers]


def _blocks(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    """RecurrentGemma: its attention always has a window."""
    return tuple(SLIDING if kind == FULL else kind for kind in _listed("block_types")(config, layers))


def _indices(name: str) -> Callable[[Mapping[str, Any], int], Sequence[str]]:
    def read(config: Mapping[str, Any], layers: int) -> Sequence[str]:
        listed = config[name] if isinstance(config[name], list) else []
        indices = {index for index in listed if isinstance(index, int)}
        other = "conv" if name == "full_attn_idxs" else LINEAR
        return tuple(FULL if layer in indices else other for layer in range(layers))

    return read


def _periods(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    period, offset = config["attn_layer_period"], config.get("attn_layer_offset", 0)
    attending = "hybrid" if config.get("model_type") == "zamba" else FULL
    if not isinstance(period, int) or period < 1:
        return (FULL,) * layers
    return tuple(attending if layer % period == offset else LINEAR for layer in range(layers))


def _delta_nets(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    return _every(config.get("full_attention_interval", 4), layers, LINEAR)


def _every(interval: Any, layers: int, other: str) -> Sequence[str]:
    if not isinstance(interval, int) or interval < 1:
        return (FULL,) * layers
    return tuple(FULL if (layer + 1) % interval == 0 else other for layer in range(layers))


def _with_windows(config: Mapping[str, Any], layers: int) -> Sequence[str]:
    if config.get("attention_chunk_size"):
        return (CHUNKED,) * layers
    if not config.get("sliding_window") or config.get("use_sliding_window") is False:
        return (FULL,) * layers
    pattern = config.get("sliding_window_pattern") or _EACH_FULL.get(str(config.get("model_type")))
    if isinstance(pattern, str):
        kinds = tuple(SLIDING if letter == "L" else FULL for letter in islice(cycle(pattern), layers))
        return (*kinds[:-1], FULL)
    if pattern:
        return _every(pattern, layers, SLIDING)
    whole = config.get("max_window_layers") if config.get("use_sliding_window") else 0
    first = whole if isinstance(whole, int) else 0
    return tuple(FULL if layer < first else SLIDING for layer in range(layers))


_WRITTEN: Mapping[str, Callable[[Mapping[str, Any], int], Sequence[str]]] = {
    "layer_types": _listed("layer_types"),
    "layers_block_type": _listed("layers_block_type"),
    "hybrid_override_pattern": _letters,
    "block_types": _blocks,
    "attn_layer_indices": _indices("attn_layer_indices"),
    "full_attn_idxs": _indices("full_attn_idxs"),
    "attn_layer_period": _periods,
    "linear_num_value_heads": _delta_nets,
}
