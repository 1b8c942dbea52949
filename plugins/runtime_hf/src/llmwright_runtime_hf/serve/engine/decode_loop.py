"""The decode loop: one model, one sequence, one token at a time over the model's own cache."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine.sampling import Sampler

CACHE_NAMES = ("cache", "past_key_values", "state")
"""The argument's name since transformers 5.24, before, and in RWKV."""


class Decoder:
    """Generate for one prompt. Call ``step`` while the context has room.

    It gives the same tokens as transformers' ``generate`` (a test compares them), without its per-token bookkeeping. An
    architecture that returns no cache reads its whole sequence again for each token.
    """

    def __init__(self, model: PreTrainedModel, prompt: Sequence[int], sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self._seen = torch.tensor([list(prompt)], device=model.device)
        self._read = 0
        parameters = inspect.signature(model.forward).parameters
        # The logits of all positions are the largest tensor of a long prompt.
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        # Not every architecture counts on from its cache: Bamba starts at position 0 again where nobody says otherwise.
        self._takes_positions = "position_ids" in parameters
        self._cache_name = cache_name(model)
        self._cache: Any = None

    def step(self) -> int:
        """Run the model over the tokens that it has not read yet, and return the id of the next token."""
        with torch.inference_mode():
            unread = self._seen[:, self._read :]
            output = self._model(input_ids=unread, **self._cached(), **self._options, **self._positions(unread))
            self._cache = getattr(output, self._cache_name, None) if self._cache_name else None
            self._read = self._seen.shape[1] if self._cache is not None else 0
            token = self._sampler.pick(output.logits[:, -1], self._seen)
            self._seen = torch.cat((self._seen, token), dim=1)
        return int(token)

    @property
    def cached(self) -> bool:
        """Whether the last step left a cache for the next one."""
        return self._cache is not None

    def _cached(self) -> dict[str, Any]:
        return {self._cache_name: self._cache, "use_cache": True} if self._cache_name else {}

    def _positions(self, unread: torch.Tensor) -> dict[str, torch.Tensor]:
        if not self._takes_positions:
            return {}
        return {"position_ids": torch.arange(self._read, self._seen.shape[1], device=unread.device)[None]}


def cache_name(model: PreTrainedModel) -> str | None:
    """Return the architecture's name for its key/value cache or its state, None where it takes none."""
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), None)
