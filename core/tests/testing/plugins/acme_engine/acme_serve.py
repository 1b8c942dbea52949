"""A runtime of nothing but the standard library: the server."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATE = {"ready": False, "requests": 0}
ARGS = argparse.Namespace()
ADAPTERS: dict[str, Any] = {}


class Handler(BaseHTTPRequestHandler):
    """The paths of the OpenAI API that a runtime has."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health, models and metrics."""
        if self.path == "/health":
            self.answer(200 if STATE["ready"] else 503, {"status": "ok"})
        elif self.path == "/metrics":
            text = f"# TYPE acme_requests counter\nacme_requests {STATE['requests']}\n"
            self.reply(200, text.encode(), "text/plain; version=0.0.4")
        elif not self.allowed():
            self.answer(401, {"error": {"message": "no key", "type": "invalid_request_error"}})
        elif self.path == "/v1/models":
            models = [ARGS.name, *ADAPTERS]
            self.answer(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in models]})
        else:
            self.answer(404, {"error": {"message": "no such path", "type": "invalid_request_error"}})

    def do_POST(self) -> None:
        """Conversations."""
        STATE["requests"] += 1
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.allowed():
            self.answer(401, {"error": {"message": "no key", "type": "invalid_request_error"}})
            return
        try:
            body = json.loads(text)
            words = [ARGS.greeting, *str(body["messages"][-1]["content"]).split()]
        except (ValueError, KeyError, TypeError, IndexError):
            self.answer(400, {"error": {"message": "no conversation", "type": "invalid_request_error"}})
            return
        model = body.get("model", ARGS.name)
        if model not in (ARGS.name, *ADAPTERS):
            self.answer(404, {"error": {"message": f"no model {model}", "type": "invalid_request_error"}})
            return
        words = [word for word in words if word][: min(ARGS.max_tokens, body.get("max_tokens", ARGS.max_tokens))]
        if body.get("stream"):
            self.stream(model, words)
            return
        message = {"role": "assistant", "content": " ".join(words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}
        about = {"id": "1", "object": "chat.completion", "created": int(time.time()), "model": model}
        self.answer(200, {**about, "choices": [choice], "usage": usage})

    def allowed(self) -> bool:
        """Whether the key is right, where there is one."""
        key = os.environ.get("LLMWRIGHT_API_KEY")
        return not key or self.headers.get("authorization") == f"Bearer {key}"

    def stream(self, model: str, words: list[str]) -> None:
        """Server-sent events, one a word."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, word in enumerate(words):
            delta = {"content": word if number == 0 else f" {word}"}
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            self.event(
                {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
            )
            time.sleep(0.01)
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self.event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [last]})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, content: dict[str, Any]) -> None:
        """One event."""
        self.wfile.write(b"data: " + json.dumps(content).encode() + b"\n\n")
        self.wfile.flush()

    def answer(self, status: int, content: dict[str, Any]) -> None:
        """One JSON object."""
        self.reply(status, json.dumps(content).encode(), "application/json")

    def reply(self, status: int, data: bytes, kind: str) -> None:
        """One answer."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Waits for the answers under way when it is closed."""

    daemon_threads = False
    block_on_close = True


def load() -> None:
    """Read the weights and the adapters."""
    json.loads((Path(ARGS.model) / "config.json").read_text())
    for text in ARGS.adapter:
        name, _, rest = text.partition("=")
        ADAPTERS[name] = json.loads((Path(rest.split(",")[0]) / "adapter_config.json").read_text())
    STATE["ready"] = True


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("model", "revision", "name", "host", "port", "context", "quantization", "max-tokens", "greeting"):
        parser.add_argument(f"--{name}", type=int if name in ("port", "context", "max-tokens") else str)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--trust-remote-code", action="store_true")
    parser.parse_args(namespace=ARGS)
    try:
        load()
        server = Server((ARGS.host, ARGS.port), Handler)
    except (OSError, ValueError) as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
