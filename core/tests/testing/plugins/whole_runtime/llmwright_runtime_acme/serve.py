"""The workload half: an OpenAI server of the standard library alone, which says back what it hears."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Health, metrics, models and conversations."""

    protocol_version = "HTTP/1.1"
    options: argparse.Namespace
    models: list[str] = []
    requests = 0

    def do_GET(self) -> None:
        """Answer 503 to ``/health`` until the weights are read. ``/health`` and ``/metrics`` need no key."""
        if self.path == "/health":
            self.answer(200 if self.models else 503, {"status": "ok" if self.models else "loading"})
        elif self.path == "/metrics":
            text = f"# TYPE acme_requests_total counter\nacme_requests_total {Handler.requests}\n"
            self.reply(200, text.encode(), "text/plain; version=0.0.4")
        elif not self.allowed():
            self.refuse(401, "no key, or a wrong one")
        elif self.path == "/v1/models":
            models = [{"id": name, "object": "model"} for name in self.models]
            self.answer(200, {"object": "list", "data": models})
        else:
            self.refuse(404, "no such path")

    def do_POST(self) -> None:
        """Answer a conversation, whole or as a stream."""
        Handler.requests += 1
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.allowed():
            self.refuse(401, "no key, or a wrong one")
            return
        try:
            body = json.loads(text)
            asked = [text_of(message["content"]) for message in body["messages"]]
            heard = asked[-1]
            limit = min(self.options.max_tokens, int(body.get("max_tokens") or self.options.max_tokens))
            refuse_what_is_not_honoured(body, heard, self.options.context)
        except (ValueError, KeyError, TypeError, IndexError):
            self.refuse(400, "no conversation")
            return
        model = body.get("model", self.models[0])
        if model not in self.models:
            self.refuse(404, f"no model {model}")
        elif body.get("stream"):
            counted = sum(len(text.split()) for text in asked) if body.get("stream_options") else None
            self.stream(model, self.words(heard, limit), counted)
        else:
            said = list(self.words(heard, limit))
            usage = {"prompt_tokens": sum(len(text.split()) for text in asked), "completion_tokens": len(said)}
            usage["total_tokens"] = sum(usage.values())
            choice = {"message": {"role": "assistant", "content": "".join(said)}, "finish_reason": "stop"}
            self.answer(200, {**self.about("chat.completion", model, choice), "usage": usage})

    def words(self, heard: str, limit: int) -> Iterator[str]:
        """Put your engine here: yield the answer piece by piece."""
        for number, word in enumerate(heard.split()[:limit]):
            time.sleep(0.01)
            yield word if number == 0 else f" {word}"

    def stream(self, model: str, pieces: Iterator[str], counted: int | None) -> None:
        """Send an event for each piece, as the OpenAI API has it, then the usage where it is ``counted``."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        sent = 0
        for piece in pieces:
            self.event(self.about("chat.completion.chunk", model, {"delta": {"content": piece}, "finish_reason": None}))
            sent += 1
        self.event(self.about("chat.completion.chunk", model, {"delta": {}, "finish_reason": "stop"}))
        if counted is not None:
            usage = {"prompt_tokens": counted, "completion_tokens": sent, "total_tokens": counted + sent}
            self.event({**self.about("chat.completion.chunk", model, {}), "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, content: dict[str, Any]) -> None:
        """Send one event."""
        self.wfile.write(b"data: " + json.dumps(content).encode() + b"\n\n")
        self.wfile.flush()

    def about(self, kind: str, model: str, choice: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that whole answers and chunks share."""
        created = int(time.time())
        return {"id": "1", "object": kind, "created": created, "model": model, "choices": [{"index": 0, **choice}]}

    def allowed(self) -> bool:
        """Return whether the key is right, where there is one."""
        key = os.environ.get("LLMWRIGHT_API_KEY")
        return not key or self.headers.get("authorization") == f"Bearer {key}"

    def refuse(self, status: int, message: str) -> None:
        """Answer an error in the OpenAI API's shape."""
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def answer(self, status: int, content: dict[str, Any]) -> None:
        """Answer one JSON object."""
        self.reply(status, json.dumps(content).encode(), "application/json")

    def reply(self, status: int, data: bytes, kind: str) -> None:
        """Send one whole answer."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def text_of(content: Any) -> str:
    """Return the text of a message, which clients send as one text or in parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def refuse_what_is_not_honoured(body: dict[str, Any], heard: str, context: int) -> None:
    """Raise ValueError where a field would change the answer and does not, or the question is too long."""
    if body.get("tools") or body.get("response_format"):
        raise ValueError("tools and response_format are not honoured")
    if body.get("n") not in (None, 1) or body.get("logprobs"):
        raise ValueError("one answer is given, without log-probabilities")
    if float(body.get("temperature") or 0) < 0:
        raise ValueError("temperature is below 0")
    if len(heard.split()) >= context:
        raise ValueError("the question leaves no room for an answer")


class Server(ThreadingHTTPServer):
    """Waits for the answers under way when it is closed."""

    daemon_threads = False


def load(options: argparse.Namespace) -> list[str]:
    """Put your loading here: read the weights and the adapters, and return the names that are served."""
    json.loads((Path(options.model) / "config.json").read_text())
    names = [options.name]
    for adapter in options.adapter:
        name, _, path = adapter.partition("=")
        json.loads((Path(path) / "adapter_config.json").read_text())
        names.append(name)
    return names


def main() -> int:
    """Serve until SIGTERM. Return 1 where that cannot be."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("model", "revision", "name", "host"):
        parser.add_argument(f"--{name}")
    for name in ("port", "context", "max-tokens"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--trust-remote-code", action="store_true")
    Handler.options = parser.parse_args()
    try:
        with Server((Handler.options.host, Handler.options.port), Handler) as server:
            # In a thread of its own: whoever asks /health meanwhile is told that the weights are being read.
            serving = threading.Thread(target=server.serve_forever)
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
            serving.start()
            try:
                Handler.models = load(Handler.options)
            except BaseException:
                server.shutdown()
                raise
            serving.join()
    except (OSError, ValueError) as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
