"""A LoRA layer whose rows have different adapters, in two matrix products for all of them.

PEFT takes the rows of each adapter out of the batch and puts them back: about eight operations for each adapter and
layer. Here the adapters of a pass are stacked into one: every row is multiplied with all of them, and a mask keeps its
own. With rank 8 and a few adapters that is little beside the layer itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch.nn import functional

BASE_ROW = "__base__"
"""PEFT's name for a row without an adapter."""


class Mix:
    """The adapters of the rows of a pass, by PEFT's names; empty where all rows have the same."""

    def __init__(self, rows: list[str] | None = None) -> None:
        self.rows = rows or []
        self.adapters = tuple(dict.fromkeys(name for name in self.rows if name != BASE_ROW))
        self._others: dict[tuple[int, ...], torch.Tensor] = {}

    def others(self, ranks: tuple[int, ...], device: torch.device) -> torch.Tensor:
        """Return where a column is of an adapter that a row has not: (rows, 1, sum of ``ranks``), bool."""
        if ranks not in self._others:
            owners = [name for name, rank in zip(self.adapters, ranks, strict=True) for _ in range(rank)]
            other = [[name != owner for owner in owners] for name in self.rows]
            self._others[ranks] = torch.tensor(other, device=device)[:, None, :]
        return self._others[ranks]


class StackedLora:
    """PEFT's mixed pass over one plain layer, for ``mix()``. The stack of the last pass's adapters is kept."""

    def __init__(self, layer: Linear, mix: Callable[[], Mix]) -> None:
        self._layer = layer
        self._mix = mix
        self._apart = layer._mixed_batch_forward
        self._adapters: tuple[str, ...] = ()
        self._down = self._up = torch.empty(0)
        self._ranks: tuple[int, ...] = ()

    def __call__(self, x: torch.Tensor, *args: Any, adapter_names: list[str], **kwargs: Any) -> torch.Tensor:
        mix = self._mix()
        if x.dim() != 3 or not all(map(self._plain, mix.adapters)):
            apart: torch.Tensor = self._apart(x, *args, adapter_names=adapter_names, **kwargs)
            return apart
        if mix.adapters != self._adapters:
            self._stack(mix.adapters)
        result: torch.Tensor = self._layer.base_layer(x)
        if not any(self._ranks):
            return result
        hidden = functional.linear(x.to(self._down.dtype), self._down)
        # Filled, not multiplied by 0: what overflows under one adapter must not reach the rows of another.
        hidden = hidden.masked_fill(mix.others(self._ranks, x.device), 0)
        return result + functional.linear(hidden, self._up).to(result.dtype)

    def _plain(self, name: str) -> bool:
        return name not in self._layer.lora_variant and not self._layer.lora_bias.get(name)

    def forget(self) -> None:
        """Let go of the stack."""
        self._adapters, self._ranks = (), ()
        self._down = self._up = torch.empty(0)

    def _stack(self, adapters: tuple[str, ...]) -> None:
        downs: Any = self._layer.lora_A
        ups: Any = self._layer.lora_B
        here = [name for name in adapters if name in downs]
        self._adapters = adapters
        self._ranks = tuple(downs[name].weight.shape[0] if name in here else 0 for name in adapters)
        if here:
            self._down = torch.cat([downs[name].weight for name in here])
            self._up = torch.cat([ups[name].weight * self._layer.scaling[name] for name in here], dim=1)
