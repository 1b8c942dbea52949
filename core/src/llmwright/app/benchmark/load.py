"""The load on one level: so many clients, each with one request after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from llmwright.app.benchmark.request import Request
from llmwright.app.benchmark.statistics import LevelRecords
from llmwright.app.benchmark.trial import Send

HOPELESS = 20
HOPELESS_PER_CLIENT = 3


class Budget:
    """How many requests may still begin on a level.

    Args:
        requests: as many at most; None for no bound.
        duration_s: none begins later, in seconds after the first; None for no bound.
        hopeless: none begins after that many failures in a row.
    """

    def __init__(self, requests: int | None, duration_s: float | None, hopeless: int) -> None:
        self._left = requests
        self._duration_s = duration_s
        self._deadline: float | None = None
        self._hopeless = hopeless
        self._failures = 0

    @property
    def gave_up(self) -> bool:
        """Whether only failures came."""
        return self._failures >= self._hopeless

    def take(self, now: float) -> bool:
        """Take one request, which begins ``now``; False where none is left."""
        if self._deadline is None and self._duration_s is not None:
            self._deadline = now + self._duration_s
        if self.gave_up or self._left == 0 or (self._deadline is not None and now >= self._deadline):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def judge(self, *, failed: bool) -> None:
        """Take note of how a request ended."""
        self._failures = self._failures + 1 if failed else 0


def budget_of(concurrency: int, requests: int | None, duration_s: float | None) -> Budget:
    """Return the budget of a level with ``concurrency`` clients."""
    return Budget(requests, duration_s, max(HOPELESS, HOPELESS_PER_CLIENT * concurrency))


async def load(
    level: LevelRecords,
    budget: Budget,
    requests: Iterator[Request],
    send: Send,
    *,
    warmup: int,
    on_record: Callable[[], object],
) -> None:
    """Send ``requests`` from ``level.concurrency`` clients until the budget is used up; the records go into ``level``.

    Args:
        warmup: requests of each client before the measurement, which begins for all clients at once.
        on_record: called after each record.
    """
    gate = asyncio.Barrier(level.concurrency)
    under_way = 0

    async def client() -> None:
        nonlocal under_way
        for _ in range(warmup):
            await send(next(requests))
        await gate.wait()
        level.began = level.began or time.perf_counter()
        while budget.take(time.perf_counter()):
            under_way += 1
            record = await send(next(requests))
            under_way -= 1
            failed = record.failure is not None
            level.records.append(record)
            level.failed += failed
            budget.judge(failed=failed)
            on_record()

    try:
        async with asyncio.TaskGroup() as clients:
            for _ in range(level.concurrency):
                clients.create_task(client())
    finally:
        level.ended = time.perf_counter()
        level.unfinished = under_way
        level.gave_up = budget.gave_up
