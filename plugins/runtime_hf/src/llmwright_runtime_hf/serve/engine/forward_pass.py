"""One call of a model over its own cache, whatever the architecture names its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

CACHE_NAMES = ("cache", "past_key_values", "state")
"""The argument's name since transformers 5.24, before, and in RWKV."""


class ForwardPass:
    """Call ``model`` for the logits of the last position. An architecture without a cache returns None for it."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        parameters = inspect.signature(model.forward).parameters
        # The logits of all positions are the largest tensor of a long prompt.
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        # Not every architecture counts on from its cache: Bamba starts at position 0 again where nobody says otherwise.
        self._takes_positions = "position_ids" in parameters
        self._cache_name = cache_name(model)

    def __call__(
        self, ids: torch.Tensor, positions: torch.Tensor, cache: Any, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Any]:
        """Return (logits [rows, vocabulary] after the last of ``ids``, the cache with them).

        ``ids`` and ``positions`` are [rows, tokens]. ``mask`` [rows, read tokens and ``ids``] is 0 for padding; None
        where no row has any.
        """
        more: dict[str, Any] = dict(self._options)
        if self._cache_name:
            more |= {self._cache_name: cache, "use_cache": True}
        if self._takes_positions:
            more["position_ids"] = positions
        if mask is not None:
            more["attention_mask"] = mask
        output = self._model(input_ids=ids, **more)
        return output.logits[:, -1], getattr(output, self._cache_name, None) if self._cache_name else None

    def read_together(self, prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, Any]:
        """Return (logits [prompts, vocabulary] after each prompt, the cache). Shorter ones are padded on the left."""
        longest = max(len(prompt) for prompt in prompts)
        padding = torch.tensor([[longest - len(prompt)] for prompt in prompts], device=device)
        columns = torch.arange(longest, device=device)
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
        mask = (columns >= padding).long() if bool(padding.any()) else None
        return self(ids, (columns - padding).clamp(min=0), None, mask)


def cache_name(model: PreTrainedModel) -> str | None:
    """Return the architecture's name for its key/value cache or its state, None where it takes none."""
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), None)
