"""Streamed responses: server-sent events, each sent as soon as its text is final."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from llmwright_runtime_hf.serve.engine.interface import Engine, Failed, Finished
from llmwright_runtime_hf.serve.http.client_disconnect import cancelled_at_exit
from llmwright_runtime_hf.serve.http.event_channel import EventChannel
from llmwright_runtime_hf.serve.http.job_batch import JobBatch
from llmwright_runtime_hf.serve.http.json_text import json_bytes
from llmwright_runtime_hf.serve.http.openai_errors import error_body
from llmwright_runtime_hf.serve.http.responses import ResponseFormat

_DONE = b"data: [DONE]\n\n"


class EventStream(StreamingResponse):
    """A response of server-sent events that closes its generator when the response ends.

    Starlette only drops the generator of a client that leaves while the server waits to send. Until the garbage
    collector finds it, the model would generate text that nobody reads.
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


def stream_response(engine: Engine, batch: JobBatch, response_format: ResponseFormat, *, usage: bool) -> EventStream:
    """Return the response that generates ``batch`` while it is sent. ``usage`` adds a last chunk of token counts."""
    return EventStream(_stream(engine, batch, response_format, usage))


async def _stream(
    engine: Engine, batch: JobBatch, response_format: ResponseFormat, usage: bool
) -> AsyncGenerator[bytes, None]:
    channel = EventChannel()
    with cancelled_at_exit(engine, batch.jobs, channel.put):
        for chunk in response_format.first_chunks(len(batch.jobs)):
            yield _server_sent_event(chunk)
        ends: list[Finished] = []
        while len(ends) < len(batch.jobs):
            choice, event = await channel.get()
            if isinstance(event, Failed):
                # The status 200 is sent already, so the failure can only be an event of the stream.
                yield _server_sent_event(error_body(event.status, event.message))
                break
            if isinstance(event, Finished):
                ends.append(event)
                chunks = response_format.last_chunks(choice, event)
            else:
                chunks = response_format.text_chunks(choice, event)
            for chunk in chunks:
                yield _server_sent_event(chunk)
        else:
            for chunk in response_format.final_chunks(batch.usage(ends), wanted=usage):
                yield _server_sent_event(chunk)
        if not getattr(response_format, "named_events", False):
            yield _DONE


def _server_sent_event(chunk: Mapping[str, object]) -> bytes:
    """Return the event. Events of ``/v1/responses`` have a type, which is their name."""
    name = f"event: {chunk['type']}\n".encode() if "type" in chunk else b""
    return name + b"data: " + json_bytes(chunk) + b"\n\n"
