"""An OpenAI server of the standard library, whose engine is a function: the workload half of a small runtime.

A runtime's module calls ``main`` with its ``load`` and the arguments of ``parser``, as ``programs.server_launch`` gives
them. It imports no model library; the engine may. It answers ``/health``, ``/metrics`` (``llmwright_requests_total``
and ``declarations.COMMON_METRICS``), ``/v1/models`` and ``/v1/chat/completions``.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmwright.plugins.chat_metrics import ChatMetrics
from llmwright.reading.json_reader import read_json

__all__ = ["ChatServer", "Conversation", "Engine", "adapter_paths", "main", "parser"]

_MOST_BODY = 32 * 2**20
_STREAM = "text/event-stream"
NOT_HONOURED: Mapping[str, object] = {
    "tools": [],
    "functions": [],
    "response_format": {"type": "text"},
    "n": 1,
    "logprobs": False,
    "top_logprobs": 0,
}
"""Fields that would change the answer, refused but for null and this value. The engine may honour any other."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request for an answer of at most ``limit`` pieces by ``model``, a served name. ``body`` is all that it says."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    limit: int
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The text of the last message."""
        content = self.messages[-1]["content"]
        return content if isinstance(content, str) else "".join(part["text"] for part in content)


@dataclass(frozen=True, slots=True)
class Engine:
    """The served names, and the function that answers piece by piece. A piece counts as one token."""

    names: Sequence[str]
    answer: Callable[[Conversation], Iterable[str]]


def parser() -> argparse.ArgumentParser:
    """Return a parser of the arguments that ``server_launch`` gives; a runtime adds those of its options."""
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("model", "revision", "name", "host"):
        arguments.add_argument(f"--{name}")
    for name in ("port", "context"):
        arguments.add_argument(f"--{name}", type=int)
    arguments.add_argument("--adapter", action="append", default=[], metavar="NAME=PATH")
    arguments.add_argument("--trust-remote-code", action="store_true")
    return arguments


def adapter_paths(options: argparse.Namespace) -> dict[str, str]:
    """Return the directory of each adapter by its name."""
    return dict(each.split("=", 1) for each in options.adapter)


def main(load: Callable[[argparse.Namespace], Engine], options: argparse.Namespace) -> int:
    """Serve until SIGTERM, and then until the answers under way are whole. Return 1 where that cannot be.

    ``load`` reads the weights. Until it returns, ``/health`` is answered 503. Where it raises, the process ends.
    """
    try:
        with ChatServer((options.host, options.port), options.context) as server:
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.end).start())
            # In a thread of its own: whoever asks /health meanwhile is told that the weights are being read.
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            try:
                server.engine = load(options)
            except BaseException:
                server.end()
                raise
            serving.join()
    except (OSError, ValueError, LookupError) as error:
        print(f"cannot serve: {error!r}", file=sys.stderr)
        return 1
    return 0


class ChatServer(ThreadingHTTPServer):
    """Answers as soon as it has an ``engine``. When it is closed it waits for the answers under way."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], context: int) -> None:
        super().__init__(address, _Handler)
        self.context = context
        self.engine: Engine | None = None
        self.requests = 0
        self.metrics = ChatMetrics()
        self.connections: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer the requests of one connection."""
        self.connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.connections.discard(request)

    def end(self) -> None:
        """Accept no connection more, and no request more of those that are open: one that idles would wait for ever."""
        self.shutdown()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)


class _Handler(BaseHTTPRequestHandler):
    """Health, metrics, models and conversations."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: ChatServer

    def do_GET(self) -> None:
        """``/health`` and ``/metrics`` need no key."""
        engine = self.server.engine
        if self.path == "/health":
            self.answer(200 if engine else 503, {"status": "ok" if engine else "loading"})
        elif self.path == "/metrics":
            text = f"# TYPE llmwright_requests_total counter\nllmwright_requests_total {self.server.requests}\n"
            text += self.server.metrics.text(engine.names if engine else ())
            self.reply(200, text.encode(), "text/plain; version=0.0.4")
        elif not self.allowed():
            self.refuse(401, "no key, or a wrong one")
        elif self.path == "/v1/models":
            models = [{"id": name, "object": "model"} for name in (engine.names if engine else ())]
            self.answer(200, {"object": "list", "data": models})
        else:
            self.refuse(404, "no such path")

    def do_POST(self) -> None:
        """Answer a conversation, whole or as a stream."""
        self.server.requests += 1
        text = self.body()
        engine = self.server.engine
        if text is None:
            self.close_connection = True
            self.refuse(413, f"the body has no length, or more than {_MOST_BODY:,} bytes")
        elif not self.allowed():
            self.refuse(401, "no key, or a wrong one")
        elif self.path != "/v1/chat/completions":
            self.refuse(404, "no such path")
        elif engine is None:
            self.refuse(503, "the weights are being read")
        else:
            self.converse(engine, text)

    def body(self) -> bytes | None:
        length = self.headers.get("content-length", "")
        return self.rfile.read(int(length)) if length.isdecimal() and int(length) <= _MOST_BODY else None

    def converse(self, engine: Engine, text: bytes) -> None:
        try:
            asked = _conversation(read_json(text, _MOST_BODY), engine, self.server.context)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.refuse(400, f"no conversation: {error!r}")
            return
        if asked.model not in engine.names:
            self.refuse(404, f"no model {asked.model}")
        elif asked.body.get("stream"):
            self.stream(asked, engine)
        else:
            self.say(asked, engine)

    def say(self, asked: Conversation, engine: Engine) -> None:
        pieces: list[str] = []
        try:
            reason = self.generate(asked, engine, pieces, lambda _: None)
        except Exception as error:
            self.refuse(500, f"the engine failed: {error!r}")
            return
        choice = {"message": {"role": "assistant", "content": "".join(pieces)}, "finish_reason": reason}
        self.answer(200, {**_about("chat.completion", asked.model, choice), "usage": _usage(asked, len(pieces))})

    def stream(self, asked: Conversation, engine: Engine) -> None:
        self.send_response(200)
        self.send_header("content-type", _STREAM)
        self.send_header("connection", "close")
        self.end_headers()
        pieces: list[str] = []

        reason = self.generate(asked, engine, pieces, lambda piece: self.event(asked, {"content": piece}, None))
        self.event(asked, {}, reason)
        if (asked.body.get("stream_options") or {}).get("include_usage"):
            last = {**_about("chat.completion.chunk", asked.model), "usage": _usage(asked, len(pieces))}
            self.wfile.write(b"data: " + json.dumps(last).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def generate(self, asked: Conversation, engine: Engine, pieces: list[str], send: Callable[[str], object]) -> str:
        """Add each piece to ``pieces`` and send it. Return why there are no more."""
        with self.server.metrics.begin(asked.model) as answering:

            def take(piece: str) -> None:
                answering.token()
                pieces.append(piece)
                send(piece)

            reason = _within(asked.limit, engine.answer(asked), take)
            answering.end(reason, _usage(asked, 0)["prompt_tokens"])
        return reason

    def event(self, asked: Conversation, delta: Mapping[str, str], reason: str | None) -> None:
        chunk = _about("chat.completion.chunk", asked.model, {"delta": delta, "finish_reason": reason})
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def allowed(self) -> bool:
        key = os.environ.get("LLMWRIGHT_API_KEY", "")
        given = self.headers.get("authorization", "")
        return not key or secrets.compare_digest(given.encode(), f"Bearer {key}".encode())

    def refuse(self, status: int, message: str) -> None:
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def answer(self, status: int, content: Mapping[str, Any]) -> None:
        self.reply(status, json.dumps(content).encode(), "application/json")

    def reply(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _conversation(body: Mapping[str, Any], engine: Engine, context: int) -> Conversation:
    """Return what is asked; raises one of several errors where it is none."""
    limit = int(body.get("max_completion_tokens") or body.get("max_tokens") or context)
    if limit < 1:
        raise ValueError("max_tokens is below 1")
    asked = Conversation(body.get("model") or engine.names[0], tuple(body["messages"]), min(limit, context), body)
    asked.text.encode()
    if len(asked.text.split()) >= context:
        raise ValueError(f"the question leaves no room within {context} tokens")
    if float(body.get("temperature") or 0) < 0:
        raise ValueError("temperature is below 0")
    refused = [field for field, harmless in NOT_HONOURED.items() if body.get(field) not in (None, harmless)]
    if refused:
        raise ValueError(f"{refused[0]} is not honoured here")
    return asked


def _within(limit: int, pieces: Iterable[str], send: Callable[[str], object]) -> str:
    """Send at most ``limit`` pieces, and return why there are no more."""
    for number, piece in enumerate(pieces):
        if number == limit:
            return "length"
        send(piece)
    return "stop"


def _usage(asked: Conversation, pieces: int) -> dict[str, int]:
    """Return the tokens of question and answer: a word of the question counts as one."""
    words = len(asked.text.split())
    return {"prompt_tokens": words, "completion_tokens": pieces, "total_tokens": words + pieces}


def _about(kind: str, model: str, *several: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that whole answers and chunks share."""
    choices = [{"index": number, **choice} for number, choice in enumerate(several)]
    return {"id": "1", "object": kind, "created": int(time.time()), "model": model, "choices": choices}
