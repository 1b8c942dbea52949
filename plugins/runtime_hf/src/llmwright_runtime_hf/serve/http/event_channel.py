"""Events on their way from the model thread to the event loop that serves HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from itertools import groupby

from llmwright_runtime_hf.serve.engine.interface import Event, Part, Text

_PACE_SECONDS = 0.01
_MOST_HELD_SECONDS = 0.03
"""A piece that no other follows is sent after that."""


class EventChannel:
    """Carry the events of one request's choices from the model thread to one coroutine of the loop that made this.

    Each wake-up of the loop takes the interpreter's lock (GIL) away from the model thread, and slows the generation
    of everybody. So text that comes less than ``_PACE_SECONDS`` after the last wake-up waits for the next piece, and
    both are sent as one. The first piece and the end never wait, and none waits long for a next one: that may be
    held back, as the begin of a stop string, or come after a long prompt of somebody else.
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
        """Wait for the next event. Pieces of a part of a choice that follow one another are one."""
        if not self._events:
            # One look suffices: later than this after a wake-up, no piece waits for another.
            look = self._loop.call_later(_MOST_HELD_SECONDS, self._arrived.set)
            while not self._events:
                self._arrived.clear()
                await self._arrived.wait()
            look.cancel()
        choice, event = self._events.popleft()
        pieces: list[Text] = []
        while isinstance(event, Text):
            pieces.append(event)
            if not self._goes_on(choice, event.part):
                return choice, joined(pieces)
            event = self._events.popleft()[1]
        return choice, event

    def _goes_on(self, choice: int, part: Part) -> bool:
        """Whether the next event is more text of the same part."""
        if not self._events or self._events[0][0] != choice:
            return False
        event = self._events[0][1]
        return isinstance(event, Text) and event.part == part


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

    def texts(self, choice: int) -> list[Text]:
        """Return the whole text of a choice, one for each part that follows another one."""
        return [joined([*pieces]) for _, pieces in groupby(self._pieces[choice], key=lambda piece: piece.part)]


def joined(pieces: list[Text]) -> Text:
    """Return the text of all pieces, which are of one part."""
    tokens = tuple(token for piece in pieces for token in piece.tokens)
    return Text("".join(piece.text for piece in pieces), tokens, pieces[0].part)
