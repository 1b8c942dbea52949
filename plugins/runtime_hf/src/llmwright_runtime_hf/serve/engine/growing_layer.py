"""Cache layers that grow in place: transformers' own copy the whole cache for each token.

Keys and values lie in buffers with room for further rows and columns. Columns in use end together, so that a token of
every row is one column; shorter rows are padded on the left. Buffers grow by blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

_BLOCK = 128
"""Columns by which a buffer grows."""


class ColumnBuffer:
    """A tensor [rows, heads, columns, size] inside a larger one."""

    def __init__(self, first: torch.Tensor) -> None:
        self.rows = 0
        self._start = self._end = _blocks(first.shape[-2])
        self._all = first.new_zeros((first.shape[0], first.shape[1], self._end + _BLOCK, first.shape[-1]))
        self._used = self._all
        self.add([first])

    @property
    def columns(self) -> int:
        return self._end - self._start

    def latest(self, count: int) -> torch.Tensor:
        """Return a view of the last ``count`` columns, or of all where there are fewer."""
        count = min(count, self.columns)
        return self._used.narrow(2, self._end - count, count)

    def append(self, new: torch.Tensor) -> None:
        """Add columns to every row."""
        count = new.shape[-2]
        if self._end + count > self._all.shape[-2]:
            self._move(self.rows, self.columns, count)
        self._used.narrow(2, self._end, count).copy_(new)
        self._end += count

    def add(self, tensors: Sequence[torch.Tensor]) -> None:
        """Add rows below. Each of ``tensors`` is [rows, heads, columns, size]."""
        rows = self.rows + sum(tensor.shape[0] for tensor in tensors)
        columns = max(self.columns, *(tensor.shape[-2] for tensor in tensors))
        if rows > self._all.shape[0] or columns > self._end:
            self._move(rows + rows // 4, columns, 0)
        elif columns > self.columns:
            # What earlier rows left there may be no number, and 0 times that is none either.
            self._all[: self.rows, :, self._end - columns : self._start] = 0
        self._start = self._end - columns
        for tensor in tensors:
            count, length = tensor.shape[0], tensor.shape[-2]
            lines = self._all.narrow(0, self.rows, count)
            lines[:, :, self._start : self._end - length] = 0
            lines[:, :, self._end - length : self._end] = tensor
            self.rows += count
        self._used = self._all[: self.rows]

    def keep(self, rows: Sequence[int], columns: int) -> None:
        """Keep ``rows`` in that order, of which none comes before its old place, and so many columns at most."""
        for place, row in enumerate(rows):
            if place != row:
                self._all[place, :, self._start : self._end] = self._all[row, :, self._start : self._end]
        self.rows = len(rows)
        self._used = self._all[: self.rows]
        self._start = max(self._start, self._end - columns)

    def drop_columns(self, columns: int) -> None:
        """Let go of all but the last ``columns``."""
        self._start = max(self._start, self._end - columns)

    def _move(self, rows: int, columns: int, more: int) -> None:
        """Copy to a buffer for ``rows``, with room for a block after ``columns`` and ``more``."""
        end = _blocks(columns)
        heads, size = self._all.shape[1], self._all.shape[-1]
        moved = self._all.new_zeros((rows, heads, end + _blocks(more + 1), size))
        moved[: self.rows, :, end - self.columns : end] = self._used[:, :, self._start : self._end]
        self._start, self._end = end - self.columns, end
        self._all = moved
        self._used = moved[: self.rows]


def _blocks(columns: int) -> int:
    return -(-columns // _BLOCK) * _BLOCK


class GrowingLayer(DynamicLayer):
    """A ``DynamicLayer`` in place."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, layer: Any) -> None:
        # All that the layer has, whatever a release of transformers adds to it: its own __init__ would make it empty.
        self.__dict__.update(layer.__dict__)
        self._keys, self._values = ColumnBuffer(layer.keys), ColumnBuffer(layer.values)
        self._show()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the tokens' columns, and return all."""
        self._keys.append(key_states)
        self._values.append(value_states)
        self._show()
        return self.keys, self.values

    def add(self, layers: Sequence[Any]) -> None:
        """Add the rows of ``layers`` below."""
        self._keys.add([layer.keys for layer in layers])
        self._values.add([layer.values for layer in layers])
        self._show()

    def keep(self, rows: Sequence[int], length: int) -> None:
        """Keep ``rows`` in that order, of which the longest has ``length`` tokens."""
        self._keys.keep(rows, length)
        self._values.keep(rows, length)
        self._show()

    def _show(self) -> None:
        self.keys = self._keys.latest(self._keys.columns)
        self.values = self._values.latest(self._values.columns)


class GrowingSlidingWindowLayer(GrowingLayer, DynamicSlidingWindowLayer):
    """A ``DynamicSlidingWindowLayer`` in place: the columns that no later token sees are given up."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the tokens' columns, and return all that they see."""
        seen = super().update(key_states, value_states)
        self.cumulative_length += key_states.shape[-2]
        for buffer in (self._keys, self._values):
            buffer.drop_columns(self.sliding_window - 1)
        self._show()
        return seen
