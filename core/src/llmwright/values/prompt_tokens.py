"""Rules about a prompt's tokens that training and serving share, so that they agree."""

from __future__ import annotations

from collections.abc import Sequence


def with_one_bos(tokens: Sequence[int], bos: int | None) -> list[int]:
    """Return ``tokens`` with one beginning-of-sequence token (BOS) in front where there are several.

    A text may write it, and the tokenizer adds its own.
    """
    several = next((count for count, token in enumerate(tokens) if token != bos), len(tokens))
    return list(tokens[several - 1 :]) if bos is not None and several > 1 else list(tokens)
