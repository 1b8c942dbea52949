"""Events on their way from the model thread to the event loop that serves HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from llmwright_runtime_hf.serve.engine.interface import Event, Text

_PACE_SECONDS = 0.01


class EventChannel:
    """Carry events from the model thread to one coroutine of the loop that made this channel.

    Each wake-up of the loop takes the interpreter's lock (GIL) away from the model thread, and slows the generation
    of everybody. So text that comes less than ``_PACE_SECONDS`` after the last wake-up waits for the next piece, and
    both are sent as one. The first piece and the end never wait.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._last_wake_up = float("-inf")

    def put(self, event: Event) -> None:
        """Add an event. Call it in the model thread."""
        # Append first, wake up after: a loop that wakes up to an empty queue would sleep on, and the client would hang.
        self._events.append(event)
        now = time.monotonic()
        if isinstance(event, Text) and now - self._last_wake_up < _PACE_SECONDS:
            return
        self._last_wake_up = now
        # RuntimeError: the loop is closed, so nobody listens any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def get(self) -> Event:
        """Wait for the next event. Pieces of text that are already here are joined to one."""
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        pieces = []
        while isinstance(event, Text):
            pieces.append(event.text)
            if not (self._events and isinstance(self._events[0], Text)):
                return Text("".join(pieces))
            event = self._events.popleft()
        return event


class TextCollector:
    """Collect all text in the model thread; pass only the last event on, so that the loop wakes up once."""

    def __init__(self, channel: EventChannel) -> None:
        self._channel = channel
        self._pieces: list[str] = []

    def put(self, event: Event) -> None:
        """Add an event. Call it in the model thread."""
        if isinstance(event, Text):
            self._pieces.append(event.text)
        else:
            self._channel.put(event)

    @property
    def text(self) -> str:
        return "".join(self._pieces)
