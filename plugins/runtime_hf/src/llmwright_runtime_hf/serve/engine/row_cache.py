"""The caches of several sequences as one: a row for each, their latest tokens in the same column.

Attention counts distances from the latest token, so shorter rows are padded on the left. States of linear attention
and Mamba have no columns; they only lie one below the other.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import (
    Cache,
    DummyLayer,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionCacheLayerMixin,
    LinearAttentionLayer,
)

from llmwright_runtime_hf.serve.engine.growing_layer import GrowingLayer, GrowingSlidingWindowLayer

_GROWING: dict[type[Any], type[GrowingLayer]] = {
    DynamicLayer: GrowingLayer,
    DynamicSlidingWindowLayer: GrowingSlidingWindowLayer,
}
_KNOWN = (
    DummyLayer,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionLayer,
)


Columns = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values [1, heads, tokens, size] of each layer."""


def has_rows(cache: Any) -> bool:
    """Return whether caches of this kind can be joined: all layers are of kinds that this module knows."""
    return isinstance(cache, Cache) and not cache.offloading and all(type(layer) in _KNOWN for layer in cache.layers)


def has_states(cache: Cache) -> bool:
    """Return whether some layer keeps a state: many architectures go on from one by a single token only."""
    return any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in cache.layers)


def has_columns(cache: Cache) -> bool:
    """Return whether some layer has a column for each token: then shorter rows are padded, and need a mask."""
    return any(isinstance(layer, DynamicLayer) for layer in cache.layers)


def has_parts(cache: Cache) -> bool:
    """Return whether rows can be taken out of a cache: no layer has more than keys and values."""
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers)


def can_be_cut(cache: Cache) -> bool:
    """Return whether the first tokens of a row can be taken alone: every layer has a column for each token."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def bytes_per_token(cache: Cache) -> int:
    """Return the bytes of the columns of one row for each token that it holds."""
    layers = [layer for layer in cache.layers if isinstance(layer, DynamicLayer) and layer.is_initialized]
    tensors = [getattr(layer, name) for layer in layers for name in _tensors(layer)]
    return sum(tensor.nbytes // max(tensor.shape[-2], 1) // tensor.shape[0] for tensor in tensors)


def mask(cache: Cache, lengths: Sequence[int], device: torch.device) -> torch.Tensor | None:
    """Return [rows, columns with the next token's], 0 for padding, for rows of so many tokens.

    None where no row has padding, or the cache has no columns.
    """
    longest = max(lengths)
    if min(lengths) == longest or not has_columns(cache):
        return None
    padding = torch.tensor([[longest - length] for length in lengths], device=device)
    return (torch.arange(longest + 1, device=device) >= padding).long()


def join(caches: Sequence[Cache]) -> Cache:
    """Return the first of ``caches`` with the rows of the others below its own."""
    first, *others = caches
    for index, layer in enumerate(first.layers):
        further: list[Any] = [cache.layers[index] for cache in others]
        if (growing := _growing(layer)) is not None:
            first.layers[index] = growing
            if further:
                growing.add(further)
                _set_length(growing, max(each.get_seq_length() for each in (growing, *further)))
        else:
            _join_layers([layer, *further])
    return first


def keep(cache: Cache, rows: Sequence[int], length: int) -> None:
    """Keep ``rows`` alone, of which the longest has ``length`` tokens."""
    for layer in cache.layers:
        if isinstance(layer, LinearAttentionCacheLayerMixin):
            _map_states(layer, lambda state: state[list(rows)])
        if isinstance(layer, GrowingLayer):
            layer.keep(rows, length)
            _set_length(layer, length)
        elif isinstance(layer, DynamicLayer) and layer.is_initialized:
            _map_columns(layer, lambda tensor, dim: _latest(tensor[list(rows)], dim, length))
            _set_length(layer, length)


def row(cache: Any, index: int, length: int) -> Any:
    """Return the cache of one row of ``length`` tokens alone: views of the same memory."""
    alone = copy.copy(cache)
    alone.layers = [_row_of(layer, index, length) for layer in cache.layers]
    return alone


def columns(cache: Cache, start: int) -> Columns:
    """Return copies of the columns of a cache of one row from ``start`` on. The cache can be cut."""
    layers: list[Any] = list(cache.layers)
    return [(layer.keys[:, :, start:].clone(), layer.values[:, :, start:].clone()) for layer in layers]


def emptied(cache: Cache) -> Any:
    """Return the cache without its columns, for ``from_columns``."""
    alone = row(cache, 0, 0)
    for layer in alone.layers:
        # Copies of nothing: views of nothing would hold the memory of the whole cache for good.
        layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
    return alone


def from_columns(template: Any, pieces: Sequence[Columns]) -> Any:
    """Return a cache of one row with ``pieces`` one after the other."""
    cache = copy.copy(template)
    cache.layers = [copy.copy(layer) for layer in template.layers]
    for layer, *parts in zip(cache.layers, *pieces, strict=True):
        layer.keys = torch.cat([keys for keys, _ in parts], dim=-2)
        layer.values = torch.cat([values for _, values in parts], dim=-2)
    return cache


def _row_of(layer: Any, index: int, length: int) -> Any:
    """Return a plain layer of one row; a growing one would write to the memory of all."""
    sliding = isinstance(layer, DynamicSlidingWindowLayer)
    alone: Any = DynamicSlidingWindowLayer(layer.sliding_window) if sliding else DynamicLayer()
    alone.lazy_initialization(layer.keys, layer.values)
    end = layer.keys.shape[-2]
    count = min(length, end)
    alone.keys = layer.keys[index : index + 1, :, end - count : end]
    alone.values = layer.values[index : index + 1, :, end - count : end]
    _set_length(alone, length)
    return alone


def _growing(layer: Any) -> GrowingLayer | None:
    if isinstance(layer, GrowingLayer):
        return layer
    kind = _GROWING.get(type(layer))
    return None if kind is None or not layer.is_initialized else kind(layer)


def _join_layers(layers: Sequence[Any]) -> None:
    first, *_ = layers
    if isinstance(first, LinearAttentionCacheLayerMixin):
        for states in ("conv_states", "recurrent_states"):
            ours = getattr(first, states)
            for index, state in ours.items():
                if state is not None:
                    ours[index] = torch.cat([getattr(layer, states)[index] for layer in layers])
    if isinstance(first, DynamicLayer) and first.is_initialized:
        length = max(layer.get_seq_length() for layer in layers)
        names = _tensors(first)
        for name, dim in names.items():
            tensors = [getattr(layer, name) for layer in layers]
            columns = max(tensor.shape[dim] for tensor in tensors)
            setattr(first, name, torch.cat([_padded(tensor, dim, columns) for tensor in tensors]))
        _set_length(first, length)


def _tensors(layer: DynamicLayer) -> dict[str, int]:
    """Return the names of the tensors with columns, and which dimension they are."""
    indexed = isinstance(layer, DynamicIndexedLayer) and layer.is_indexer_initialized
    return {"keys": -2, "values": -2, **({"indexer_keys": -2} if indexed else {})}


def _map_columns(layer: DynamicLayer, change: Any) -> None:
    for name, dim in _tensors(layer).items():
        setattr(layer, name, change(getattr(layer, name), dim))


def _map_states(layer: LinearAttentionCacheLayerMixin, change: Any) -> None:
    for states in (layer.conv_states, layer.recurrent_states):
        for index, state in states.items():
            if state is not None:
                states[index] = change(state)


def _set_length(layer: DynamicLayer, length: int) -> None:
    if isinstance(layer, DynamicSlidingWindowLayer):
        layer.cumulative_length = length


def _padded(tensor: torch.Tensor, dim: int, columns: int) -> torch.Tensor:
    missing = columns - tensor.shape[dim]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[dim] = missing
    return torch.cat((tensor.new_zeros(shape), tensor), dim=dim)


def _latest(tensor: torch.Tensor, dim: int, count: int) -> torch.Tensor:
    excess = tensor.shape[dim] - count
    return tensor.narrow(dim, excess, count) if excess > 0 else tensor
