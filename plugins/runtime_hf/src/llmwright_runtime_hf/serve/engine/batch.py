"""Many rows in one pass over the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine import row_cache
from llmwright_runtime_hf.serve.engine.forward_pass import ForwardPass
from llmwright_runtime_hf.serve.engine.rows import Row, Token
from llmwright_runtime_hf.serve.engine.sampling import NoTokenLeftError


class Batch:
    """``Rows`` over one cache. ``select`` is called with the models of the rows before each pass.

    The rows' answers are those that they would have alone, within the rounding of the sums: a test compares the tokens
    for every family.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        select: Callable[[Sequence[str]], None] = lambda _models: None,
        *,
        most: int = 64,
        whole_prompts: bool = False,
    ) -> None:
        """``whole_prompts``: the model cannot go on reading a prompt from its state."""
        self._forward = ForwardPass(model)
        self._device = model.device
        self._select = select
        self._whole_prompts = whole_prompts
        self._cache: Any = None
        self.most = most
        self.rows: list[Row] = []

    def read(self, row: Row, most: int) -> Token | None:
        """Read ``most`` tokens at most. Return the row's next token once all are read, and append it."""
        count = row.unread if self._whole_prompts else min(row.unread, most)
        ids = self._tensor([row.tokens[row.read : row.read + count]])
        positions = torch.arange(row.read, row.read + count, device=self._device)[None]
        self._select([row.model])
        with torch.inference_mode():
            logits, row.cache = self._forward(ids, positions, row.cache)
            row.read += count
            return self._choose([row], logits)[0] if not row.unread else None

    def join(self, rows: Sequence[Row]) -> None:
        """Add rows that are read."""
        if not rows:
            return
        caches = [*([self._cache] if self.rows else []), *(row.cache for row in rows)]
        with torch.inference_mode():
            self._cache = row_cache.join(caches)
        self.rows = [*self.rows, *rows]
        for row in rows:
            row.cache = None

    def step(self) -> list[Token]:
        """Append to each row its next token; return them in the order of ``rows``."""
        lengths = [row.read for row in self.rows]
        ids = self._tensor([row.tokens[-1:] for row in self.rows])
        self._select([row.model for row in self.rows])
        with torch.inference_mode():
            positions = self._tensor([[length] for length in lengths])
            mask = row_cache.mask(self._cache, lengths, self._device)
            logits, self._cache = self._forward(ids, positions, self._cache, mask)
            for row in self.rows:
                row.read += 1
            return self._choose(self.rows, logits)

    def leave(self, leaving: Sequence[Row]) -> None:
        """Take rows out, and let go of the columns that no other row needs."""
        if not leaving:
            return
        kept = [index for index, row in enumerate(self.rows) if row not in leaving]
        self.rows = [self.rows[index] for index in kept]
        if not self.rows:
            self._cache = None
            return
        with torch.inference_mode():
            row_cache.keep(self._cache, kept, max(row.read for row in self.rows))

    def _choose(self, rows: Sequence[Row], logits: torch.Tensor) -> list[Token]:
        best = logits.argmax(dim=-1).tolist()
        return [self._chosen(row, best[index], logits[index : index + 1]) for index, row in enumerate(rows)]

    def _chosen(self, row: Row, best: int, logits: torch.Tensor) -> Token:
        try:
            token = best if row.sampler.takes_the_best else int(row.sampler.pick(logits, self._tensor([row.tokens])))
        except NoTokenLeftError as error:
            return error
        row.tokens.append(token)
        return token

    def _tensor(self, values: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(values, device=self._device)
