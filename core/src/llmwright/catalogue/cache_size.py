"""The cache of a sequence: keys and values of the tokens that were read, windows of them, and states, by the config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from llmwright.catalogue.layer_kinds import FULL, layer_kinds
from llmwright.catalogue.recurrent_state import state_numbers
from llmwright.values.preset import Architecture

_STATE_BYTES = 4
"""Recurrent states are kept in 32 bit, whatever the weights are (transformers; arXiv 2405.21060, section 8)."""
_WINDOWED = frozenset({"sliding_attention", "chunked_attention", "hybrid_sliding"})
_STATES = frozenset({"linear_attention", "conv", "hybrid", "hybrid_sliding"})
_NO_KEYS = frozenset({"mlp", "moe", "linear_attention", "conv"})
_SPARSE = "compressed_sparse_attention"
_COMPRESSED = {_SPARSE: 4, "heavily_compressed_attention": 128}
"""Tokens that DeepSeek V4 keeps as one, where the config does not say (transformers, ``DeepseekV4Config``)."""


@dataclass(frozen=True, slots=True)
class CacheSize:
    """``per_token`` numbers of all layers, of which ``windowed`` for the last ``window`` tokens only.

    ``state_bytes`` is what one sequence keeps whatever its length.
    """

    per_token: int
    windowed: int = 0
    window: int = 0
    state_bytes: int = 0


def cache_size(config: Mapping[str, Any], sizes: Architecture) -> CacheSize:
    """Return the size of the cache of a model with ``config`` (its language part)."""
    kinds = layer_kinds(config, sizes.layers)
    shared = _number(config, "num_kv_shared_layers")
    growing, windowed = Fraction(0), 0
    # The last layers may use the keys and values of layers before them.
    for layer, kind in enumerate(kinds[: len(kinds) - shared]):
        width = 0 if kind in _NO_KEYS else _width(config, kind, _layer_config(config, layer), sizes)
        growing += _growth(config, kind, width, sizes)
        windowed += width if kind in _WINDOWED or kind in _COMPRESSED else 0
    window = _number(config, "sliding_window", "attention_window_size", "attention_chunk_size")
    states = sum(1 for kind in kinds if kind in _STATES)
    return CacheSize(
        per_token=math.ceil(growing) + windowed,
        windowed=windowed if window else 0,
        window=window if windowed else 0,
        state_bytes=_STATE_BYTES
        * (states * state_numbers(config, sizes.hidden_size) + sum(_overlap(config, kind, sizes) for kind in kinds)),
    )


def _growth(config: Mapping[str, Any], kind: str, width: int, sizes: Architecture) -> Fraction:
    """Return the numbers that a layer keeps of every token, however many follow."""
    if kind in _WINDOWED:
        return Fraction(0)
    if kind not in _COMPRESSED:
        return Fraction(width)
    return Fraction(_compressed_width(config, kind, sizes), _rate(config, kind))


def _overlap(config: Mapping[str, Any], kind: str, sizes: Architecture) -> int:
    """Return the numbers that a layer keeps of the tokens before those that it is compressing: two per feature."""
    return 2 * _rate(config, kind) * _compressed_width(config, kind, sizes) if kind == _SPARSE else 0


def _compressed_width(config: Mapping[str, Any], kind: str, sizes: Architecture) -> int:
    return sizes.head_dim + (_number(config, "index_head_dim") if kind == _SPARSE else 0)


def _rate(config: Mapping[str, Any], kind: str) -> int:
    rates = config.get("compress_rates")
    return (_number(rates, kind) if isinstance(rates, Mapping) else 0) or _COMPRESSED[kind]


def _width(config: Mapping[str, Any], kind: str, layer: Mapping[str, Any], sizes: Architecture) -> int:
    """Return the numbers that one layer keeps of a token.

    With multi-head latent attention one compressed vector and its rotary part (arXiv 2405.04434, section 2.1), and the
    key of an indexer (DeepSeek V3.2's report, section 2.1). Otherwise a key and a value per KV head.
    """
    if _number(config, "kv_lora_rank"):
        return sum(_number(config, name) for name in ("kv_lora_rank", "qk_rope_head_dim", "index_head_dim"))
    heads = _number(layer, "num_key_value_heads") or sizes.kv_heads
    width = _number(layer, "head_dim") or sizes.head_dim
    if kind == FULL and _number(config, "global_head_dim"):
        # Gemma 4: layers that see everything have heads of another width than those with a window.
        heads = _number(config, "num_global_key_value_heads") or heads
        width = _number(config, "global_head_dim")
    return 2 * heads * width


def _layer_config(config: Mapping[str, Any], layer: int) -> Mapping[str, Any]:
    """Return the values that differ in one layer (transformers' heterogeneous configs)."""
    layers = config.get("per_layer_config")
    own = layers.get(str(layer)) if isinstance(layers, Mapping) else None
    return own if isinstance(own, Mapping) else {}


def _number(values: Mapping[str, Any], *names: str) -> int:
    """Return the first of ``names`` that is a size, 0 without one; sizes that are needed are read elsewhere."""
    sizes = (values.get(name) for name in names)
    return next((size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and size > 0), 0)
