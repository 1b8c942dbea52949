"""Which rows are trained on, and which are held out for evaluation."""

from __future__ import annotations

import random


def split_rows(count: int, share: float, *, shuffle: bool, seed: int) -> tuple[list[int], list[int]]:
    """Return (indices to train on, indices to evaluate on) of ``count`` rows.

    ``share`` is the part to train on. At least one row is trained on; with ``share`` 1 no row is held out.
    """
    order = list(range(count))
    if shuffle:
        random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    train = count if share >= 1 else max(1, int(count * share))
    return order[:train], order[train:]
