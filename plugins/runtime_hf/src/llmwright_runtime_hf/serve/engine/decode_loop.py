"""The decode loop of one sequence: one token at a time over the model's own cache, or without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine.forward_pass import ForwardPass
from llmwright_runtime_hf.serve.engine.sampling import Sampler


class Decoder:
    """Generate for one prompt. Call ``step`` while the context has room.

    It gives the same tokens as transformers' ``generate`` (a test compares them), without its per-token bookkeeping. An
    architecture that returns no cache reads its whole sequence again for each token.
    """

    def __init__(self, model: PreTrainedModel, prompt: Sequence[int], sampler: Sampler) -> None:
        self._forward = ForwardPass(model)
        self._sampler = sampler
        self._seen = torch.tensor([list(prompt)], device=model.device)
        self._read = 0
        self._cache: Any = None

    def step(self) -> int:
        """Run the model over the tokens that it has not read yet, and return the id of the next token."""
        with torch.inference_mode():
            positions = torch.arange(self._read, self._seen.shape[1], device=self._seen.device)[None]
            logits, self._cache = self._forward(self._seen[:, self._read :], positions, self._cache)
            self._read = self._seen.shape[1] if self._cache is not None else 0
            token = self._sampler.pick(logits, self._seen)
            self._seen = torch.cat((self._seen, token), dim=1)
        return int(token)

    @property
    def cached(self) -> bool:
        """Whether the last step left a cache for the next one."""
        return self._cache is not None
