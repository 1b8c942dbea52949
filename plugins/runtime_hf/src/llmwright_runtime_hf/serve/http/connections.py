"""The connections of the server: how many there are, and how long each may keep the server waiting.

uvicorn closes a connection that is idle between requests. It waits without end for one that sends nothing, a part of a
request, or reads no answer; and its ``limit_concurrency`` counts them, so that a few of them lock out everybody.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmwright_runtime_hf.serve.http.json_text import json_bytes
from llmwright_runtime_hf.serve.http.openai_errors import error_body

HEAD_SECONDS = 15.0
"""For all headers of a request."""
BODY_SECONDS = 60.0
"""For the body after the headers."""
STALLED_SECONDS = 60.0
"""For a client that does not read an answer, until it reads on."""
FLUSH_SECONDS = 5.0
MOST_CONNECTIONS = 512
MOST_AT_ONCE = 128

_FULL = json_bytes(error_body(503, "too many connections, try again", code="overloaded"))
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def connection_limit() -> int:
    """Return the most connections: half of the files that this process may open, at most ``MOST_CONNECTIONS``.

    The other half is for everything else. Without a free file nobody could connect, and asyncio would log each try.
    """
    return _share_of_files(2, MOST_CONNECTIONS)


def accept_limit() -> int:
    """Return the most connections that asyncio may accept at once: an eighth of the files, at most ``MOST_AT_ONCE``.

    Three such lots can be open beside the counted connections: accepted, not yet counted, and closing.
    """
    return _share_of_files(8, MOST_AT_ONCE)


def _share_of_files(parts: int, most: int) -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft // parts))


class BoundedConnection(H11Protocol):
    """One connection, with deadlines. One too many closes the one that has kept the server waiting longest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit = connection_limit()
        self._waits_for: type[Any] | None = None
        self._waiting_since = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if there is room or room can be made."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self._limit:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel_timers()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client a while to read on."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self) -> None:
        """Set the deadline of what the client has to send now, once: bytes that trickle in do not move it."""
        waits_for = self.conn.their_state if not self.transport.is_closing() else None
        if waits_for is self._waits_for:
            return
        self._waits_for = waits_for
        self._waiting_since = self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        seconds = (
            {h11.IDLE: HEAD_SECONDS, h11.SEND_BODY: BODY_SECONDS}.get(waits_for) if waits_for is not None else None
        )
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self._end, _LATE)

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, BoundedConnection) and one is not self]
        idle = [one for one in others if one._waits_for is h11.IDLE]
        sending = [one for one in others if one._waits_for is h11.SEND_BODY]
        for waiting in (idle, sending):
            if waiting:
                min(waiting, key=lambda one: one._waiting_since)._end(b"")
                return
        self._end(_BUSY)

    def _end(self, last_words: bytes) -> None:
        """Close the connection, with a last answer where none has begun."""
        unanswered = self.cycle is None or self.cycle.response_complete or not self.cycle.response_started
        # Out of the set at once: asyncio tells of the end only later, and until then the next one would find no room.
        self.connections.discard(self)
        self._cancel_timers()
        if (last_words and unanswered and self.conn.their_state is not h11.IDLE) or last_words is _BUSY:
            self.transport.write(last_words)
        self.transport.close()
        # A client that reads nothing would keep the rest of an answer, and with it the connection, for ever.
        self.loop.call_later(FLUSH_SECONDS, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        self._deadline = self._stalled = None
