"""Tokenised rows in flat arrays, and their split."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

IGNORED = -100
"""The label of a token that no loss is computed on (torch's cross_entropy, ``ignore_index``)."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Token ids of one row; ``learned[i]`` is 1 where token ``i`` belongs to an answer."""

    ids: Sequence[int]
    learned: Sequence[int]

    @property
    def labels(self) -> list[int]:
        """The ids, with ``IGNORED`` in place of what is not learned."""
        return [token if wanted else IGNORED for token, wanted in zip(self.ids, self.learned, strict=True)]


@dataclass(slots=True)
class TokenRows:
    """Many rows, 5 bytes a token."""

    ids: array[int] = field(default_factory=lambda: array("i"))
    learned: array[int] = field(default_factory=lambda: array("b"))
    ends: array[int] = field(default_factory=lambda: array("q", [0]))

    def append(self, row: TokenRow) -> None:
        """Add ``row`` at the end."""
        self.ids.extend(row.ids)
        self.learned.extend(row.learned)
        self.ends.append(len(self.ids))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> TokenRow:
        if not 0 <= index < len(self):
            raise IndexError(index)
        span = slice(self.ends[index], self.ends[index + 1])
        return TokenRow(self.ids[span], self.learned[span])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [end - start for start, end in zip(self.ends, self.ends[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows and their lengths in tokens; ``longest_at`` is where the longest stands (``line 7``)."""

    rows: int
    shortest: int
    median: float
    longest: int
    longest_at: str

    @classmethod
    def of(cls, lengths: Sequence[int], numbers: Sequence[int], unit: str) -> Summary:
        """The summary of rows with ``lengths`` that stand at ``unit`` (row, line) ``numbers``."""
        longest = max(range(len(lengths)), key=lengths.__getitem__)
        return cls(len(lengths), min(lengths), median(lengths), lengths[longest], f"{unit} {numbers[longest]}")

    def __str__(self) -> str:
        spread = f"{self.shortest}/{self.median:g}/{self.longest}"
        return f"{self.rows} rows, tokens min/median/max {spread}, longest row: {self.longest_at}"


def split(count: int, share: float, *, shuffle: bool, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on and to evaluate on; at least one to train on, and for ``share`` 1 none to evaluate on."""
    order = list(range(count))
    if shuffle:
        random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    wanted = count if share >= 1 else max(1, int(count * share))
    return order[:wanted], order[wanted:]
