"""The decode loop: one model, one sequence, one token at a time over the model's own cache."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from .sampling import Sampler


class Decoder:
    """Generates for one prompt. ``step`` may be called for as long as the context has room.

    It says what transformers' ``generate`` says (a test compares them), without its per-token bookkeeping.
    """

    def __init__(self, model: PreTrainedModel, prompt: Sequence[int], sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self._next = torch.tensor([list(prompt)], device=model.device)
        self._seen = self._next
        self._options = _forward_options(model)
        self._cache: Any = None

    def step(self) -> int:
        """Run the model over what it has not read yet and return the id of the next token."""
        with torch.inference_mode():
            output = self._model(input_ids=self._next, past_key_values=self._cache, use_cache=True, **self._options)
            self._cache = output.past_key_values
            self._next = self._sampler.pick(output.logits[:, -1], self._seen)
            self._seen = torch.cat((self._seen, self._next), dim=1)
        return int(self._next)


def keeps_cache(model: PreTrainedModel) -> bool:
    """Whether this loop can drive the architecture: recurrent ones (Mamba, RWKV) hand their state over differently."""
    return "past_key_values" in inspect.signature(model.forward).parameters


def _forward_options(model: PreTrainedModel) -> dict[str, Any]:
    """Ask for the last position's logits alone where the architecture can: a long prompt's are its largest tensor."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
