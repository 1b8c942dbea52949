"""Rows as token ids, in flat arrays that need 5 bytes a token."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

IGNORE_INDEX = -100
"""The label of a token that is not learned (torch's cross_entropy, ``ignore_index``)."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Token ids of one row. ``loss_mask[i]`` is 1 where token ``i`` belongs to an answer and is learned."""

    ids: Sequence[int]
    loss_mask: Sequence[int]

    @property
    def labels(self) -> list[int]:
        """The ids of learned tokens, and ``IGNORE_INDEX`` for the others."""
        return [token if learned else IGNORE_INDEX for token, learned in zip(self.ids, self.loss_mask, strict=True)]


@dataclass(slots=True)
class TokenRows:
    """Many rows. ``ends`` holds where each row ends in the flat arrays."""

    ids: array[int] = field(default_factory=lambda: array("i"))
    loss_mask: array[int] = field(default_factory=lambda: array("b"))
    ends: array[int] = field(default_factory=lambda: array("q", [0]))

    def append(self, row: TokenRow) -> None:
        """Add ``row`` at the end."""
        self.ids.extend(row.ids)
        self.loss_mask.extend(row.loss_mask)
        self.ends.append(len(self.ids))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> TokenRow:
        if not 0 <= index < len(self):
            raise IndexError(index)
        span = slice(self.ends[index], self.ends[index + 1])
        return TokenRow(self.ids[span], self.loss_mask[span])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [end - start for start, end in zip(self.ends, self.ends[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """Number of rows and their lengths in tokens. ``longest_at`` is the position of the longest (``line 7``)."""

    rows: int
    shortest: int
    median: float
    longest: int
    longest_at: str

    @classmethod
    def of(cls, lengths: Sequence[int], numbers: Sequence[int], unit: str) -> LengthSummary:
        """Return the summary of rows with ``lengths`` at the positions ``numbers``, counted in ``unit`` (row, line)."""
        longest = max(range(len(lengths)), key=lengths.__getitem__)
        return cls(len(lengths), min(lengths), median(lengths), lengths[longest], f"{unit} {numbers[longest]}")

    def __str__(self) -> str:
        spread = f"{self.shortest}/{self.median:g}/{self.longest}"
        return f"{self.rows} rows, tokens min/median/max {spread}, longest row: {self.longest_at}"
