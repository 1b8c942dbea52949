"""Running a coroutine to its end from code that is not asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any


def run_apart(work: Coroutine[Any, Any, None], name: str) -> None:
    """Run ``work`` in a thread of its own, called ``name``. An interruption cancels it, and waits for its end.

    A notebook has a running event loop already, and Ctrl-C comes to the main thread.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def begin() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        await work

    with ThreadPoolExecutor(1, name) as thread:
        future = thread.submit(asyncio.run, begin())
        try:
            future.result()
        except BaseException:
            for loop, task in running:
                # The loop may have ended by itself meanwhile.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(task.cancel)
            raise
