"""The adapters that one replica holds: at most so many, and one that answers never leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import takewhile


class HeldAdapters:
    """Decides which adapters are held, in one event loop.

    ``take`` is Ray Serve's: it loads an adapter, or marks one that is held as used just now; of more than ``most`` it
    lets go of the one that was used longest ago, whether that answers or not. So those that answer are marked before.
    Who comes first is served first: nobody waits for ever behind an adapter that others keep asking for.
    """

    def __init__(self, take: Callable[[str], Awaitable[object]], most: int) -> None:
        self._take = take
        self._most = most
        self._held: dict[str, None] = {}
        """Names in the order of their last use."""
        self._answers: Counter[str] = Counter()
        self._turn, self._load = asyncio.Lock(), asyncio.Lock()
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def answering(self, name: str) -> AsyncIterator[None]:
        """Hold the adapter while an answer is made with it. Raises what ``take`` raises."""
        async with self._turn:
            while name not in self._held and self._is_full():
                self._ended.clear()
                await self._ended.wait()
            # A client that leaves does not break off a load: half of an adapter would be left.
            loading = asyncio.ensure_future(self._bring(name))
            loading.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(loading)
            self._answers[name] += 1
        try:
            yield
        finally:
            self._answers[name] -= 1
            self._ended.set()

    def _is_full(self) -> bool:
        return len(self._held) >= self._most and all(self._answers[name] for name in self._held)

    async def _bring(self, name: str) -> None:
        # One at a time, also where its client has left: one that is loaded counts as used after all that were marked
        # meanwhile, and the next load would push out one that answers.
        async with self._load:
            if name not in self._held and len(self._held) >= self._most:
                idle = next(held for held in self._held if not self._answers[held])
                for older in [*takewhile(idle.__ne__, self._held)]:
                    await self._take(older)
                    self._mark(older)
                del self._held[idle]
            self._mark(name)
            try:
                await self._take(name)
            except BaseException:
                self._held.pop(name, None)
                raise

    def _mark(self, name: str) -> None:
        self._held.pop(name, None)
        self._held[name] = None
