"""A client that leaves ends its generation: nobody would read the rest, and other requests wait for the model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request

from llmwright_runtime_hf.serve.engine.interface import Engine, Event, Job


@contextlib.contextmanager
def cancelled_at_exit(engine: Engine, job: Job, sink: Callable[[Event], None]) -> Iterator[None]:
    """Submit ``job``, and cancel it when the block ends: after the last event, on an error, or when the client left."""
    handle = engine.submit(job, sink)
    try:
        yield
    finally:
        handle.cancel()


async def event_or_disconnect(request: Request, next_event: Coroutine[Any, Any, Event]) -> Event | None:
    """Wait for ``next_event`` and return it, or return None once the client has closed the connection."""
    event = asyncio.ensure_future(next_event)
    disconnect = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({event, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        return event.result() if event.done() else None
    finally:
        event.cancel()
        disconnect.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
