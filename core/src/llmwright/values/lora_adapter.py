"""A LoRA adapter as its files describe it, and why it does not fit a base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MAX_LORA_RANK = 512
"""The greatest rank that is served without an option for more: vLLM's own limit (``MaxLoRARanks``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraAdapter:
    """A LoRA adapter, read without its weights.

    ``base`` is the name of the base model that its training wrote down, empty where there is none. ``rank`` is the
    greatest of its matrices and its configuration. ``targets`` are the names of the layers that it changes, empty where
    they are an expression. ``shapes`` are those of its tensors by their name.
    """

    base: str
    rank: int
    targets: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an adapter does not fit: its ``rank``, its ``modules``, the ``shape`` of a weight, the number of layers."""

    kind: Literal["rank", "modules", "shape", "layers"]
    message: str
