"""Batches: rows as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from llmwright_tuning_qlora.train.data.token_rows import IGNORE_INDEX, TokenRow, TokenRows


class RowSubset(Dataset[TokenRow]):
    """The rows of a data set with the indices ``chosen``."""

    def __init__(self, rows: TokenRows, chosen: Sequence[int]) -> None:
        self._rows = rows
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> TokenRow:
        return self._rows[self._chosen[index]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        lengths = self._rows.lengths
        return [lengths[index] for index in self._chosen]


class AnswerCollator:
    """Make a batch of rows, padded on the right to the longest row and then to ``multiple`` tokens.

    ``logits_to_keep`` are the positions whose next token is learned in any row. The output layer is computed for these
    only: for a large vocabulary the logits need most of the memory of a batch.
    """

    def __init__(self, pad: int, *, multiple: int = 1, keep_logits: bool = True) -> None:
        self._pad, self._multiple, self._keep_logits = pad, multiple, keep_logits

    def __call__(self, rows: Sequence[TokenRow]) -> dict[str, torch.Tensor]:
        width = -(-max(len(row.ids) for row in rows) // self._multiple) * self._multiple
        batch = {
            "input_ids": self._stack([list(row.ids) for row in rows], width, self._pad),
            "attention_mask": self._stack([[1] * len(row.ids) for row in rows], width, 0),
            "labels": self._stack([row.labels for row in rows], width, IGNORE_INDEX),
        }
        if self._keep_logits:
            batch["logits_to_keep"] = learned_positions(batch["labels"])
        return batch

    def _stack(self, rows: Sequence[list[int]], width: int, fill: int) -> torch.Tensor:
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def learned_positions(labels: torch.Tensor) -> torch.Tensor:
    """Return the positions (1-D) of ``labels`` (batch, tokens) after which some row has a token to learn."""
    return (labels[:, 1:] != IGNORE_INDEX).any(dim=0).nonzero().squeeze(-1)
