"""The numbers of the demo model: sizes and training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Sizes of the model and of its training. Lengths are in tokens."""

    seed: int = 7
    vocabulary: int = 1024
    context: int = 512
    hidden: int = 256
    intermediate: int = 704
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    steps: int = 1400
    rows: int = 8
    longest_row: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
