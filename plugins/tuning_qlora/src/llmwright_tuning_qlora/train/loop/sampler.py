"""In which order rows are seen: a function of seed and epoch alone, so that a resumed run sees what is left."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

POOL_BATCHES = 50
"""Rows are sorted by length within pools of so many batches (transformers' LengthGroupedSampler does the same)."""


def epoch_order(lengths: Sequence[int], batch: int, seed: int, epoch: int, *, shuffle: bool, group: bool) -> list[int]:
    """Indices of rows in the order of epoch ``epoch``; ``group`` puts rows of like length into one batch.

    The longest batch comes first, so that memory that does not suffice is noticed at once.
    """
    rng = random.Random(f"{seed}/{epoch}")  # noqa: S311 - an order, not a secret
    order = list(range(len(lengths)))
    if not shuffle:
        return order
    rng.shuffle(order)
    if not group or len(order) <= batch:
        return order
    size = batch * POOL_BATCHES
    pools = [sorted(order[i : i + size], key=lengths.__getitem__, reverse=True) for i in range(0, len(order), size)]
    batches = [pool[i : i + batch] for pool in pools for i in range(0, len(pool), batch)]
    full = [one for one in batches if len(one) == batch]
    rest = [one for one in batches if len(one) < batch]
    longest = max(range(len(full)), key=lambda i: lengths[full[i][0]], default=None) if full else None
    head = [full.pop(longest)] if longest is not None else []
    rng.shuffle(full)
    return [index for one in (*head, *full, *rest) for index in one]


class EpochSampler(Sampler[int]):
    """``epoch_order`` for torch's loaders, which tell the epoch by ``set_epoch``."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, *, shuffle: bool, group: bool) -> None:
        self._lengths, self._batch, self._seed = lengths, batch, seed
        self._shuffle, self._group = shuffle, group
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Go to epoch ``epoch``, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        options = {"shuffle": self._shuffle, "group": self._group}
        return iter(epoch_order(self._lengths, self._batch, self._seed, self._epoch, **options))
