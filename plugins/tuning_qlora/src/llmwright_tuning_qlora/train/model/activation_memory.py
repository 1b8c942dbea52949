"""How much memory a batch takes, to decide whether activations are kept or computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHARE = 0.6
"""Of the memory that is free activations may take this much; the rest is for gradients, optimizer and slack."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder."""

    layers: int
    hidden: int
    inner: int
    heads: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> Shape:
        """From a transformers config; families without an inner size use four times the hidden one."""
        text = config.get_text_config()
        hidden = int(text.hidden_size)
        inner = int(getattr(text, "intermediate_size", None) or 4 * hidden)
        return cls(int(text.num_hidden_layers), hidden, inner, int(text.num_attention_heads), int(text.vocab_size))


def activation_bytes(shape: Shape, rows: int, length: int, width: int) -> int:
    """Bytes that the backward pass keeps of a batch of ``rows`` times ``length`` tokens, ``width`` bytes a number.

    Per layer and token, with fused attention: inputs of norms, projections and residuals (about 10 hidden sizes) and of
    the gated feed-forward (4 inner sizes), after Korthikanti et al., arXiv 2205.05198, table 2; adapters keep the same
    inputs once more in fp32 at worst. Logits twice in fp32.
    """
    tokens = rows * length
    per_layer = 10 * shape.hidden + 4 * shape.inner
    return tokens * (2 * width * shape.layers * per_layer + 8 * shape.vocabulary)


def recompute(needed: int, free: int) -> bool:
    """Whether activations of ``needed`` bytes are computed again in the backward pass, with ``free`` bytes to spare."""
    return needed > SHARE * free
