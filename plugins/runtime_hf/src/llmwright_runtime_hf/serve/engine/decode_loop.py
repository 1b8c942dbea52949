"""The decode loop: one model, one sequence, one token at a time over the model's own cache."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.engine.sampling import Sampler

CACHE_NAMES = ("cache", "past_key_values")
"""The argument's name since transformers 5.24, and before."""


class Decoder:
    """Generate for one prompt. Call ``step`` while the context has room.

    It gives the same tokens as transformers' ``generate`` (a test compares them), without its per-token bookkeeping.
    """

    def __init__(self, model: PreTrainedModel, prompt: Sequence[int], sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self._next = torch.tensor([list(prompt)], device=model.device)
        self._seen = self._next
        self._options = _forward_options(model)
        self._cache_name = cache_name(model) or CACHE_NAMES[0]
        self._cache: Any = None

    def step(self) -> int:
        """Run the model over the tokens that it has not read yet, and return the id of the next token.

        Raises:
            ConfigError: the model returns no cache, though its architecture takes one.
        """
        with torch.inference_mode():
            cache = {self._cache_name: self._cache}
            output = self._model(input_ids=self._next, use_cache=True, **cache, **self._options)
            self._cache = getattr(output, self._cache_name, None)
            if self._cache is None:
                raise no_cache(self._model)
            self._next = self._sampler.pick(output.logits[:, -1], self._seen)
            self._seen = torch.cat((self._seen, self._next), dim=1)
        return int(self._next)


def cache_name(model: PreTrainedModel) -> str | None:
    """Return the architecture's name for its key/value cache, or None if this loop cannot run the architecture.

    Recurrent architectures pass their state in other ways: RWKV, and Mamba before transformers 5.24.
    """
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), None)


def no_cache(model: PreTrainedModel) -> ConfigError:
    """Return the error for a model that this loop cannot run."""
    return ConfigError(f"{type(model).__name__} keeps no key/value cache", hint="the hf runtime cannot serve it")


def _forward_options(model: PreTrainedModel) -> dict[str, Any]:
    """Ask for the last position's logits only, where the architecture can.

    The logits of all positions are the largest tensor of a long prompt.
    """
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
