"""The loss: cross-entropy on the tokens of answers."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from llmwright_tuning_qlora.train.data.token_rows import IGNORE_INDEX


def answer_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    kept: torch.Tensor | None,
    count: torch.Tensor | int | None,
    smoothing: float,
) -> torch.Tensor:
    """Return the mean cross-entropy on the learned tokens, a scalar.

    ``logits`` (batch, positions, vocabulary) are those of the positions ``kept``, or of all. ``labels`` are (batch,
    tokens). ``count`` is the number of learned tokens in all batches of one step, None for one batch: the mean over
    each batch by itself would give a token of a short batch more weight.
    """
    following = labels[:, 1:]
    targets = following if kept is None else following[:, kept]
    scores = logits[:, : targets.shape[1]].flatten(0, 1).float()
    total = cross_entropy(
        scores, targets.flatten(), ignore_index=IGNORE_INDEX, reduction="sum", label_smoothing=smoothing
    )
    return total / ((targets != IGNORE_INDEX).sum() if count is None else count)
