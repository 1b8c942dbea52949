"""Sequences that are generated at the same time, and what can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from llmwright_runtime_hf.serve.engine.sampling import NoTokenError, Sampler


class Row:
    """One sequence: ``tokens`` are the prompt and the answer so far, of which the model has ``read`` the first.

    ``model`` is the key of the base or of an adapter. ``cache`` is its own until it joins the others.
    """

    def __init__(self, model: str, prompt: Sequence[int], sampler: Sampler) -> None:
        self.model = model
        self.tokens = list(prompt)
        self.sampler = sampler
        self.read = 0
        self.cache: Any = None

    @property
    def unread(self) -> int:
        """The number of tokens that the model has not read."""
        return len(self.tokens) - self.read

    def forget(self) -> None:
        """Let go of the cache. The row can be read again, and goes on where it was."""
        self.cache = None
        self.read = 0


Token = int | NoTokenError
"""A token, or why there is none: that row must leave."""


class Rows(Protocol):
    """Rows that advance together by one token in each ``step``. They join once they are read, and leave at any time."""

    rows: list[Row]
    most: int
    """How many rows it can hold."""

    reads_together: bool
    """Whether several prompts are read in one pass."""
    shares_prefixes: bool
    """Whether a row that begins as an earlier one does not read that beginning again."""

    def recall(self, row: Row) -> None:
        """Take over what is known of the beginning of a row that has read nothing."""

    def read_together(self, rows: Sequence[Row]) -> list[Token]:
        """Read all of rows that have read nothing. Return each one's next token, and append it."""

    def read(self, row: Row, most: int) -> Token | None:
        """Read ``most`` tokens at most. Return the row's next token once all are read, and append it."""

    def join(self, rows: Sequence[Row]) -> None:
        """Add rows that are read."""

    def step(self) -> list[Token]:
        """Append to each row its next token; return them in the order of ``rows``."""

    def leave(self, leaving: Sequence[Row]) -> None:
        """Take rows out."""

    def forget(self, model: str) -> None:
        """Let go of what is kept of rows of that key, which none will have again."""

    def clear(self) -> None:
        """Let go of all rows and of what was read for them, after a pass that may have failed half way."""
