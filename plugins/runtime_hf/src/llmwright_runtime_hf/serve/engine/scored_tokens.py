"""Tokens with their log-probabilities, held until their text may be sent."""

from __future__ import annotations

from llmwright_runtime_hf.serve.engine.interface import ScoredToken, TokenScore
from llmwright_runtime_hf.serve.engine.sampling import Scores
from llmwright_runtime_hf.serve.engine.token_text import TokenText


class ScoredTokens:
    """Hold the tokens of one answer. Those of a stop string, and the end token, are never given out."""

    def __init__(self, texts: TokenText) -> None:
        self._texts = texts
        self._held: list[ScoredToken] = []

    def push(self, scores: Scores, before: int, after: int) -> None:
        """Add a token, before and after which the answer has that many characters."""
        chosen = self._score(*scores.chosen)
        # A part of a character is no text yet; with a whole token after it, it has become one for a broken character.
        whole = after > before and "\ufffd" not in chosen.text
        offset = max(before, after - len(chosen.text)) if whole else before
        self._held.append(ScoredToken(chosen, offset, tuple(self._score(*pair) for pair in scores.top)))

    def take(self, sent: int, *, all_of_them: bool = False) -> tuple[ScoredToken, ...]:
        """Return those that begin in the first ``sent`` characters and were not returned before."""
        count = sum(token.offset < sent for token in self._held)
        count = len(self._held) if all_of_them else count
        taken, self._held = self._held[:count], self._held[count:]
        return tuple(taken)

    def _score(self, token: int, logprob: float) -> TokenScore:
        data = self._texts.of(token)
        return TokenScore(token, data.decode(errors="replace"), data, logprob)
