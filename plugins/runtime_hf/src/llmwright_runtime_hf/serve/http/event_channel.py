"""Events on their way from the model thread to the event loop that serves HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from llmwright_runtime_hf.serve.engine.interface import Event, Text

_PACE_SECONDS = 0.01


class EventChannel:
    """Carry the events of one request's choices from the model thread to one coroutine of the loop that made this.

    Each wake-up of the loop takes the interpreter's lock (GIL) away from the model thread, and slows the generation
    of everybody. So text that comes less than ``_PACE_SECONDS`` after the last wake-up waits for the next piece, and
    both are sent as one. The first piece and the end never wait.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[tuple[int, Event]] = deque()
        self._arrived = asyncio.Event()
        self._last_wake_up = float("-inf")

    def put(self, choice: int, event: Event) -> None:
        """Add an event of the choice with that index. Call it in the model thread."""
        # Append first, wake up after: a loop that wakes up to an empty queue would sleep on, and the client would hang.
        self._events.append((choice, event))
        now = time.monotonic()
        if isinstance(event, Text) and now - self._last_wake_up < _PACE_SECONDS:
            return
        self._last_wake_up = now
        # RuntimeError: the loop is closed, so nobody listens any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def get(self) -> tuple[int, Event]:
        """Wait for the next event. Pieces of a choice's text that follow one another are joined to one."""
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        choice, event = self._events.popleft()
        pieces: list[Text] = []
        while isinstance(event, Text):
            pieces.append(event)
            if not (self._events and self._events[0][0] == choice and isinstance(self._events[0][1], Text)):
                return choice, joined(pieces)
            event = self._events.popleft()[1]
        return choice, event


class TextCollector:
    """Collect all text in the model thread; pass only ends on, so that the loop wakes up once for each choice."""

    def __init__(self, channel: EventChannel, choices: int) -> None:
        self._channel = channel
        self._pieces: list[list[Text]] = [[] for _ in range(choices)]

    def put(self, choice: int, event: Event) -> None:
        """Add an event. Call it in the model thread."""
        if isinstance(event, Text):
            self._pieces[choice].append(event)
        else:
            self._channel.put(choice, event)

    def text(self, choice: int) -> Text:
        """Return the whole text of a choice."""
        return joined(self._pieces[choice])


def joined(pieces: list[Text]) -> Text:
    """Return the text of all pieces."""
    return Text("".join(piece.text for piece in pieces), tuple(token for piece in pieces for token in piece.tokens))
