"""Many rows in one pass over the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine import row_cache
from llmwright_runtime_hf.serve.engine.batch_probe import Ability
from llmwright_runtime_hf.serve.engine.forward_pass import ForwardPass
from llmwright_runtime_hf.serve.engine.prefix_cache import PrefixCache
from llmwright_runtime_hf.serve.engine.rows import Row, Token
from llmwright_runtime_hf.serve.engine.sampling import NoTokenError, WrongLogitsError


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
        ability: Ability,
        most: int = 64,
        prefixes: PrefixCache | None = None,
    ) -> None:
        """Keep the beginnings of prompts in ``prefixes``, where the model has that ability."""
        self._forward = ForwardPass(model)
        self.device = model.device
        self._select = select
        self._parts = ability.parts
        self._prefixes = prefixes if ability.prefixes else None
        self._cache: Any = None
        self.most = most
        self.reads_together = ability.together
        self.shares_prefixes = self._prefixes is not None
        self.rows: list[Row] = []

    def recall(self, row: Row) -> None:
        """Take over the longest beginning that was read before, for another row."""
        if self._prefixes is not None and not row.read:
            with torch.inference_mode():
                row.cache, row.read = self._prefixes.find(row.model, row.tokens)

    def read_together(self, rows: Sequence[Row]) -> list[Token]:
        """Read all of rows that have read nothing, in one pass. Return each one's next token, and append it."""
        self._select([row.model for row in rows])
        with torch.inference_mode():
            logits, cache = self._forward.read_together([row.tokens for row in rows], self.device)
            for index, row in enumerate(rows):
                row.read = len(row.tokens)
                row.cache = row_cache.row(cache, index, row.read)
                self._keep_prefix(row)
            return self._choose(rows, logits)

    def read(self, row: Row, most: int) -> Token | None:
        """Read ``most`` tokens at most. Return the row's next token once all are read, and append it."""
        count = min(row.unread, most) if self._parts else row.unread
        ids = self._tensor([row.tokens[row.read : row.read + count]])
        positions = torch.arange(row.read, row.read + count, device=self.device)[None]
        self._select([row.model])
        with torch.inference_mode():
            logits, row.cache = self._forward(ids, positions, row.cache)
            row.read += count
            if row.unread:
                # A long prompt's cache would be copied for each of its parts.
                row.cache = row_cache.join([row.cache])
                return None
            self._keep_prefix(row)
            return self._choose([row], logits)[0]

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
            mask = row_cache.mask(self._cache, lengths, self.device)
            logits, self._cache = self._forward(ids, positions, self._cache, mask)
            for row in self.rows:
                row.read += 1
            return self._choose(self.rows, logits)

    def leave(self, leaving: Sequence[Row]) -> None:
        """Take rows out, and let go of the columns that no other row needs."""
        if not leaving:
            return
        if self._prefixes is not None:
            self._keep_answers(leaving)
        kept = _closed_up([row not in leaving for row in self.rows])
        self.rows = [self.rows[index] for index in kept]
        if not self.rows:
            self._cache = None
            return
        with torch.inference_mode():
            row_cache.keep(self._cache, kept, max(row.read for row in self.rows))

    def forget(self, model: str) -> None:
        """Drop the beginnings of prompts to an adapter that is gone."""
        if self._prefixes is not None:
            self._prefixes.forget(model)

    def clear(self) -> None:
        """Let go of all rows; keep none of their beginnings, since layers may differ in what they have read."""
        self.rows, self._cache = [], None

    def _keep_prefix(self, row: Row) -> None:
        if self._prefixes is not None:
            self._prefixes.keep(row.model, row.tokens[: row.read], row.cache)

    def _keep_answers(self, rows: Sequence[Row]) -> None:
        """Keep prompts with their answers: a conversation goes on from there."""
        with torch.inference_mode():
            for index, row in enumerate(self.rows):
                if row in rows and self._prefixes is not None:
                    cache = row_cache.row(self._cache, index, row.read)
                    self._prefixes.keep(row.model, row.tokens[: row.read], cache)

    def _choose(self, rows: Sequence[Row], logits: torch.Tensor) -> list[Token]:
        best = logits.argmax(dim=-1, keepdim=True)
        # The highest of a row with NaN is NaN.
        wrong = logits.gather(1, best).isnan().flatten().tolist()
        tokens = best.flatten().tolist()
        return [
            WrongLogitsError() if wrong[index] else self._chosen(row, tokens[index], logits[index : index + 1])
            for index, row in enumerate(rows)
        ]

    def _chosen(self, row: Row, best: int, logits: torch.Tensor) -> Token:
        try:
            token = best if row.sampler.takes_the_best else int(row.sampler.pick(logits, self._tensor([row.tokens])))
        except NoTokenError as error:
            return error
        row.tokens.append(token)
        return token

    def _tensor(self, values: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(values, device=self.device)


def _closed_up(stays: Sequence[bool]) -> list[int]:
    """Return the indexes that stay, the last ones in the places of those that leave: few rows are moved."""
    count = sum(stays)
    last = [index for index in range(len(stays) - 1, count - 1, -1) if stays[index]]
    return [index if stays[index] else last.pop() for index in range(count)]
