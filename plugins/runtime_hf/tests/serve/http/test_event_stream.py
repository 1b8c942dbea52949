"""A stream that nobody reads any more ends what feeds it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator

from starlette.types import Message

from llmwright_runtime_hf.serve.http.event_stream import EventStream


async def _left_while_sending(events: AsyncGenerator[bytes, None]) -> None:
    """Answer a client that reads nothing and leaves: the second piece waits for room in its connection."""
    full, sent = asyncio.Event(), 0

    async def receive() -> Message:
        await full.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            full.set()
            await asyncio.Event().wait()

    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    async with asyncio.timeout(60):
        await EventStream(events)(scope, receive, send)


def test_a_client_that_leaves_while_its_stream_is_full_ends_the_generator_at_once() -> None:
    ended = False

    async def events() -> AsyncGenerator[bytes, None]:
        nonlocal ended
        try:
            while True:
                yield b"data: x\n\n"
        finally:
            ended = True

    async def scene() -> bool:
        await _left_while_sending(events())
        return ended

    gc.disable()
    try:
        assert asyncio.run(scene())
    finally:
        gc.enable()
