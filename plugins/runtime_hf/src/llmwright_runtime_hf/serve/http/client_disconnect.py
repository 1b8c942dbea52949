"""A client that leaves ends its generation: nobody would read the rest, and other requests wait for the model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from llmwright_runtime_hf.serve.engine.interface import Engine, Event, Job

_Result = TypeVar("_Result")


@contextlib.contextmanager
def cancelled_at_exit(engine: Engine, jobs: Sequence[Job], sink: Callable[[int, Event], None]) -> Iterator[None]:
    """Submit ``jobs``, and cancel them when the block ends: after the last event, on an error, or when the client left.

    ``sink`` is called with a job's index and its event.
    """
    handles = [engine.submit(job, partial(sink, index)) for index, job in enumerate(jobs)]
    try:
        yield
    finally:
        for handle in handles:
            handle.cancel()


async def result_or_disconnect(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result | None:
    """Wait for ``work`` and return its result, or return None once the client has closed the connection."""
    task = asyncio.ensure_future(work)
    disconnect = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        disconnect.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
