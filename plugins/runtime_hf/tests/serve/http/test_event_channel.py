"""Pieces of text on their way to the event loop: few wake-ups, and none waits long."""

from __future__ import annotations

import asyncio

from llmwright_runtime_hf.serve.engine.interface import Event, Finished, Text
from llmwright_runtime_hf.serve.http.event_channel import EventChannel


def test_a_piece_that_no_other_follows_is_sent_all_the_same() -> None:
    """What follows may be held back, as the begin of a stop string, or come after a long prompt of somebody else."""

    async def scene() -> list[Event]:
        channel = EventChannel()
        channel.put(0, Text("a"))
        first = await channel.get()
        second = asyncio.ensure_future(channel.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        channel.put(0, Text("b"))
        return [first[1], (await asyncio.wait_for(second, 10))[1]]

    assert asyncio.run(scene()) == [Text("a"), Text("b")]


def test_pieces_that_come_at_once_are_sent_as_one_and_the_end_after_them() -> None:
    async def scene() -> list[tuple[int, Event]]:
        channel = EventChannel()
        for event in (Text("a"), Text("b"), Finished("stop", 1, 2)):
            channel.put(1, event)
        return [await channel.get(), await channel.get()]

    assert asyncio.run(scene()) == [(1, Text("ab")), (1, Finished("stop", 1, 2))]
