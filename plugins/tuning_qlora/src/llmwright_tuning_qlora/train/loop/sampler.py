"""The order of rows. It depends on seed and epoch only, so that a resumed run trains on exactly the rows left."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

POOL_BATCHES = 50
"""Rows are sorted by length within pools of this many batches, as transformers' LengthGroupedSampler does."""


def epoch_order(lengths: Sequence[int], batch: int, seed: int, epoch: int, *, shuffle: bool, group: bool) -> list[int]:
    """Return the indices of rows in the order of ``epoch``. ``group`` puts rows of similar length into one batch.

    The longest batch comes first: if memory is too small, the run fails at once and not after hours.
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
    full = [rows for rows in batches if len(rows) == batch]
    rest = [rows for rows in batches if len(rows) < batch]
    longest = max(range(len(full)), key=lambda i: lengths[full[i][0]], default=None) if full else None
    head = [full.pop(longest)] if longest is not None else []
    rng.shuffle(full)
    return [index for rows in (*head, *full, *rest) for index in rows]


class EpochSampler(Sampler[int]):
    """``epoch_order`` as a sampler for torch's data loaders, which call ``set_epoch``."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, *, shuffle: bool, group: bool) -> None:
        self._lengths, self._batch, self._seed = lengths, batch, seed
        self._shuffle, self._group = shuffle, group
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Use the order of ``epoch``, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        options = {"shuffle": self._shuffle, "group": self._group}
        return iter(epoch_order(self._lengths, self._batch, self._seed, self._epoch, **options))
