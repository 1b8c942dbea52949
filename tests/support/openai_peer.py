"""A real HTTP server that speaks the OpenAI API badly, request by request: slow, short, broken, refusing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TEMPLATE_TOKENS = 7
"""Tokens that the peer's chat template adds to a prompt."""

TOKENS_PER_WORD = 2
SHORT = 4
"""Tokens of an answer whose request has no limit."""


@dataclass(frozen=True)
class Manner:
    """How one request is answered.

    ``drop_after`` pieces the connection is closed; ``stop_after`` pieces the stream ends properly, but without a finish
    reason; ``lingers``: the response does not end after ``[DONE]``; ``fault`` is sent as it is after the first piece.
    """

    first_piece_s: float = 0.0
    gap_s: float = 0.0
    status: int = 200
    usage: bool = True
    streams: bool = True
    ignores_max_tokens: bool = False
    content_type: str = "text/event-stream"
    lingers: bool = False
    drop_after: int | None = None
    stop_after: int | None = None
    fault: bytes | None = None
    refuses: frozenset[str] = frozenset()


Script = Callable[[int, Mapping[str, Any]], Manner]
"""Chooses the manner by the request's number, from 0, and its body."""


@dataclass
class Peer:
    """A running server: its address, and the bodies that it was sent."""

    port: int
    models: tuple[str, ...] = ("tiny",)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def openai_peer(script: Script | Manner = Manner(), models: tuple[str, ...] = ("tiny",)) -> Iterator[Peer]:
    """Serve on a free port of loopback until the block ends."""
    chosen: Script = script if callable(script) else lambda _number, _body: script
    loop = asyncio.new_event_loop()
    peer = Peer(0, models)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await _exchange(peer, chosen, reader, writer):
                    pass
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0, backlog=512))
    peer.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield peer
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        _end(loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    # A connection is closed in the loop's next turn.
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def _exchange(peer: Peer, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; False where the connection is to be closed after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    content = await reader.readexactly(int(fields.get("content-length", 0)))
    if head.startswith("GET"):
        _send_json(writer, 200, {"data": [{"id": name} for name in peer.models]})
        return True
    body = json.loads(content)
    manner = script(len(peer.bodies), body)
    peer.bodies.append(body)
    peer.keys.append(fields.get("authorization", ""))
    peer.under_way += 1
    peer.most_under_way = max(peer.most_under_way, peer.under_way)
    try:
        return await _answer(manner, body, writer)
    finally:
        peer.under_way -= 1


async def _answer(manner: Manner, body: Mapping[str, Any], writer: asyncio.StreamWriter) -> bool:
    refused = sorted(manner.refuses & body.keys())
    if manner.status != 200 or refused:
        words = f"unknown field {refused[0]}" if refused else "not now"
        _send_json(writer, 400 if refused else manner.status, {"error": {"message": words}})
        return True
    if not (body.get("stream") and manner.streams):
        await asyncio.sleep(manner.first_piece_s)
        message = {"role": "assistant", "content": "word " * _length(manner, body)}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        _send_json(writer, 200, {"choices": [choice], **_usage(manner, body)})
        return True
    return await _stream(manner, body, writer)


async def _stream(manner: Manner, body: Mapping[str, Any], writer: asyncio.StreamWriter) -> bool:
    kind = manner.content_type.encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    _send_event(writer, {"choices": [{"delta": {"role": "assistant", "content": ""}}]})
    await asyncio.sleep(manner.first_piece_s)
    for number in range(_length(manner, body)):
        if number == manner.drop_after:
            return False
        if number == manner.stop_after:
            writer.write(b"0\r\n\r\n")
            return True
        if number and manner.gap_s:
            await asyncio.sleep(manner.gap_s)
        _send_event(writer, {"choices": [{"delta": {"content": "word "}, "finish_reason": None}]})
        if manner.fault is not None:
            _send_chunk(writer, manner.fault)
        await writer.drain()
    _send_event(writer, {"choices": [{"delta": {}, "finish_reason": "length"}]})
    if manner.usage and body.get("stream_options", {}).get("include_usage"):
        _send_event(writer, {"choices": [], **_usage(manner, body)})
    _send_chunk(writer, b"data: [DONE]\n\n")
    if manner.lingers:
        await writer.drain()
        await asyncio.sleep(60)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _length(manner: Manner, body: Mapping[str, Any]) -> int:
    asked = int(body.get("max_tokens") or body.get("max_completion_tokens") or SHORT)
    return asked * 2 if manner.ignores_max_tokens else asked


def _usage(manner: Manner, body: Mapping[str, Any]) -> Mapping[str, Any]:
    if not manner.usage:
        return {}
    text = body["prompt"] if "prompt" in body else "".join(message["content"] for message in body["messages"])
    tokens = TEMPLATE_TOKENS * ("messages" in body) + TOKENS_PER_WORD * len(text.split())
    return {"usage": {"prompt_tokens": tokens, "completion_tokens": _length(manner, body)}}


def _send_json(writer: asyncio.StreamWriter, status: int, content: Mapping[str, Any]) -> None:
    data = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)


def _send_event(writer: asyncio.StreamWriter, content: Mapping[str, Any]) -> None:
    _send_chunk(writer, b"data: " + json.dumps(content).encode() + b"\n\n")


def _send_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))
