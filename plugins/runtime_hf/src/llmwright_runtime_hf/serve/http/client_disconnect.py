"""A client that leaves ends its generation: nobody would read the rest, and other requests wait for the model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi import Request

from llmwright_runtime_hf.serve.engine.interface import Engine, Event, Job

_Result = TypeVar("_Result")


@contextlib.contextmanager
def cancelled_at_exit(engine: Engine, job: Job, sink: Callable[[Event], None]) -> Iterator[None]:
    """Submit ``job``, and cancel it when the block ends: after the last event, on an error, or when the client left."""
    handle = engine.submit(job, sink)
    try:
        yield
    finally:
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
