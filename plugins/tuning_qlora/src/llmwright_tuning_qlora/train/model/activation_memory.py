"""Decide whether activations are kept for the backward pass or computed again, by the memory that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmwright_tuning_qlora.config_sections import TrainingSection
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype

ACTIVATION_SHARE = 0.6
"""The part of free memory that activations may use. The rest is for gradients, the optimizer and slack."""


@dataclass(frozen=True, slots=True)
class DecoderSize:
    """Sizes of a decoder. ``inner`` is the width of its feed-forward layers."""

    layers: int
    hidden: int
    inner: int
    heads: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> DecoderSize:
        """Read a transformers config. Families without an inner size use four times the hidden size."""
        text = config.get_text_config()
        hidden = int(text.hidden_size)
        inner = int(getattr(text, "intermediate_size", None) or 4 * hidden)
        # A model without attention (Mamba) has no heads.
        heads = int(getattr(text, "num_attention_heads", 1))
        return cls(int(text.num_hidden_layers), hidden, inner, heads, int(text.vocab_size))


def recomputes_activations(section: TrainingSection, model: Any, device: Device, longest: int) -> bool:
    """Return ``gradient_checkpointing`` if it is set, else whether a batch of the ``longest`` row needs it."""
    if section.gradient_checkpointing is not None:
        return section.gradient_checkpointing
    number_bytes = 2 if compute_dtype(device, "auto") != "float32" else 4
    size = DecoderSize.of(model.config)
    return exceeds_free(activation_bytes(size, section.per_device_train_batch_size, longest, number_bytes), device.free)


def activation_bytes(size: DecoderSize, rows: int, length: int, number_bytes: int) -> int:
    """Return the bytes that the backward pass keeps of a batch of ``rows`` times ``length`` tokens.

    Per layer and token, with fused attention: inputs of norms, projections and residuals (about 10 hidden sizes) and of
    the gated feed-forward (4 inner sizes), after Korthikanti et al., arXiv 2205.05198, table 2; adapters keep the same
    inputs once more in fp32 at worst. Logits twice in fp32.
    """
    tokens = rows * length
    per_layer = 10 * size.hidden + 4 * size.inner
    return tokens * (2 * number_bytes * size.layers * per_layer + 8 * size.vocabulary)


def exceeds_free(needed: int, free: int) -> bool:
    """Return whether activations of ``needed`` bytes are too large for ``free`` bytes of memory."""
    return needed > ACTIVATION_SHARE * free
