"""Rules on the logits that transformers has no processor for: penalties and bias of OpenAI's API, allowed tokens.

Each is a ``LogitsProcessor``: called with the tokens so far [1, length] and the logits [1, vocabulary].
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from transformers import LogitsProcessor

from llmwright_runtime_hf.serve.engine.guides import Guided


class TokenBias(LogitsProcessor):
    """Add to the logits of some tokens."""

    def __init__(self, bias: Iterable[tuple[int, float]]) -> None:
        pairs = list(bias)
        self._tokens = torch.tensor([token for token, _ in pairs])
        self._values = torch.tensor([float(value) for _, value in pairs])

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        values = self._values.to(device=scores.device, dtype=scores.dtype)
        return scores.index_add(1, self._tokens.to(scores.device), values[None])


class CountPenalties(LogitsProcessor):
    """Lower the logits of the answer's own tokens: by ``frequency`` for each time, by ``presence`` once (OpenAI)."""

    def __init__(self, frequency: float, presence: float, prompt: int) -> None:
        self._frequency = frequency
        self._presence = presence
        self._prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        counts = torch.bincount(input_ids[0, self._prompt :], minlength=scores.shape[1])[: scores.shape[1]]
        return scores - self._frequency * counts - self._presence * (counts > 0)


class AllowedTokens(LogitsProcessor):
    """Leave no token but the allowed ones."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens = torch.tensor(list(tokens))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        tokens = self._tokens.to(scores.device)
        return torch.full_like(scores, -torch.inf).index_copy(1, tokens, scores[:, tokens])


class NoEndBefore(LogitsProcessor):
    """Leave no end token while the sequence is shorter than ``length``."""

    def __init__(self, ends: Iterable[int], length: int) -> None:
        self._ends = torch.tensor(sorted(ends))
        self._length = length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] >= self._length:
            return scores
        # A tokenizer or a file may name an end token that the model does not have, or -1 for none.
        ends = self._ends[(self._ends >= 0) & (self._ends < scores.shape[1])]
        return scores.index_fill(1, ends.to(scores.device), -torch.inf)


class Shaped(LogitsProcessor):
    """Leave the tokens that go on to an answer of a shape, and ``ends`` where it is whole."""

    def __init__(self, answer: Guided, ends: Iterable[int], prompt: int) -> None:
        self._answer = answer
        self._ends = torch.tensor(sorted(end for end in ends if end >= 0), dtype=torch.long)
        self._prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._answer.follow(input_ids[0, self._prompt :].tolist())
        allowed = torch.frombuffer(bytearray(self._answer.allowed()), dtype=torch.uint8)[: scores.shape[1]] > 0
        # The tokenizer's end token, which the grammar allows at the end, may not be the request's.
        allowed[self._ends[self._ends < len(allowed)]] = self._answer.may_end
        width = scores.shape[1] - len(allowed)
        allowed = torch.nn.functional.pad(allowed, (0, width))
        return scores.masked_fill(~allowed.to(scores.device)[None], -torch.inf)
