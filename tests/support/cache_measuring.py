"""The bytes that a model's own cache holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def cache_of(output: Any) -> int:
    """Return the bytes of all tensors in the cache, or the state, that a model's output has."""
    cache = next(value for name in ("cache", "past_key_values", "state") if (value := output.get(name)) is not None)
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(getattr(cache, "layers", cache)))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif type(value).__module__.startswith("transformers.") and not hasattr(value, "model_type"):
        yield from _tensors(vars(value))
