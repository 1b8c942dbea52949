"""Rows as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from llmwright_tuning_qlora.train.data.token_rows import IGNORED, TokenRow, TokenRows


class RowSet(Dataset[TokenRow]):
    """Some of the rows, by index."""

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
        every = self._rows.lengths
        return [every[index] for index in self._chosen]


class Collator:
    """Pads on the right to the longest row of the batch.

    ``logits_to_keep`` are the positions whose next token is learned in any row: the output layer is computed for those
    only, which for a large vocabulary is most of the memory of a batch.
    """

    def __init__(self, pad: int, *, multiple: int = 1, keep_logits: bool = True) -> None:
        self._pad, self._multiple, self._keep_logits = pad, multiple, keep_logits

    def __call__(self, rows: Sequence[TokenRow]) -> dict[str, torch.Tensor]:
        width = -(-max(len(row.ids) for row in rows) // self._multiple) * self._multiple
        batch = {
            "input_ids": self._stack([list(row.ids) for row in rows], width, self._pad),
            "attention_mask": self._stack([[1] * len(row.ids) for row in rows], width, 0),
            "labels": self._stack([row.labels for row in rows], width, IGNORED),
        }
        if self._keep_logits:
            batch["logits_to_keep"] = predicting(batch["labels"])
        return batch

    def _stack(self, rows: Sequence[list[int]], width: int, fill: int) -> torch.Tensor:
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def predicting(labels: torch.Tensor) -> torch.Tensor:
    """Positions (1-D) of ``labels`` (batch, tokens) after which some row has a token to learn."""
    return (labels[:, 1:] != IGNORED).any(dim=0).nonzero().squeeze(-1)


def answer_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    kept: torch.Tensor | None,
    count: torch.Tensor | int | None,
    smooth: float,
) -> torch.Tensor:
    """Mean cross-entropy on the tokens learned, as a scalar.

    ``logits`` are (batch, positions, vocabulary), of the positions ``kept`` or of all. ``count`` is how many
    tokens the mean goes over (those of all batches that make one step), None for those of this batch.
    """
    following = labels[:, 1:]
    wanted = following if kept is None else following[:, kept]
    scores = logits[:, : wanted.shape[1]].flatten(0, 1).float()
    total = cross_entropy(scores, wanted.flatten(), ignore_index=IGNORED, reduction="sum", label_smoothing=smooth)
    return total / ((wanted != IGNORED).sum() if count is None else count)
