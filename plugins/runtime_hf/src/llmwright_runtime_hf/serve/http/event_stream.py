"""From the model thread's events to an HTTP response, whole or streamed; a client that leaves ends its generation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from llmwright_runtime_hf.serve.engine.interface import Event, Failed, Finished, Job, Text
from llmwright_runtime_hf.serve.engine.model_thread import Engine
from llmwright_runtime_hf.serve.http.openai_errors import Refusal, error_body
from llmwright_runtime_hf.serve.http.responses import Form

_CLIENT_CLOSED_REQUEST = 499
_PACE_SECONDS = 0.01
_DONE = b"data: [DONE]\n\n"


class Channel:
    """Carries events from the model thread to one coroutine of the loop that it was made in.

    Each wake-up of the loop takes the interpreter's lock away from the model thread, so text that comes faster than
    ``_PACE_SECONDS`` waits for the piece after it, and both go out as one. The first piece and the end never wait.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._woken = float("-inf")

    def put(self, event: Event) -> None:
        """Called in the model thread. After the loop's end nobody listens, and the event is dropped."""
        self._events.append(event)
        now = time.monotonic()
        if isinstance(event, Text) and now - self._woken < _PACE_SECONDS:
            return
        self._woken = now
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def get(self) -> Event:
        """Wait for the next event; pieces of text that are already here come as one."""
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


class Collector:
    """A sink that wakes the event loop once, at the end, rather than for each piece."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pieces: list[str] = []

    def put(self, event: Event) -> None:
        if isinstance(event, Text):
            self._pieces.append(event.text)
        else:
            self._channel.put(event)

    @property
    def text(self) -> str:
        return "".join(self._pieces)


async def answer_whole(request: Request, engine: Engine, job: Job, form: Form) -> Response:
    """Generate all of it, then answer. Raises Refusal when the generation failed."""
    channel = Channel()
    collector = Collector(channel)
    ticket = engine.submit(job, collector.put)
    try:
        event = await _unless_disconnected(request, channel)
    finally:
        ticket.cancel()
    if isinstance(event, Finished):
        return JSONResponse(form.whole(collector.text, event))
    if isinstance(event, Failed):
        raise Refusal(event.status, event.message)
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


class EventStream(StreamingResponse):
    """Server-sent events whose generator ends with the answer.

    A client that leaves while the server waits to send leaves Starlette's generator to the garbage collector, and so a
    generation that nobody reads would go on.
    """

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._events.aclose()


def answer_streaming(engine: Engine, job: Job, form: Form, *, usage: bool) -> EventStream:
    """Answer as server-sent events, each sent when its text is settled."""
    return EventStream(_stream(engine, job, form, usage))


async def _stream(engine: Engine, job: Job, form: Form, usage: bool) -> AsyncGenerator[bytes, None]:
    channel = Channel()
    ticket = engine.submit(job, channel.put)
    try:
        for chunk in form.opening():
            yield _sse(chunk)
        while isinstance(event := await channel.get(), Text):
            yield _sse(form.piece(event.text))
        if isinstance(event, Finished):
            yield _sse(form.closing(event))
            if usage:
                yield _sse(form.usage(event))
        else:
            yield _sse(error_body(event.status, event.message))
        yield _DONE
    finally:
        ticket.cancel()


async def _unless_disconnected(request: Request, channel: Channel) -> Event | None:
    """Wait for the next event, or return None once the client is gone."""
    event = asyncio.ensure_future(channel.get())
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({event, gone}, return_when=asyncio.FIRST_COMPLETED)
        return event.result() if event.done() else None
    finally:
        event.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sse(chunk: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
