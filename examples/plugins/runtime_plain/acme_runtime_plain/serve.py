"""The workload half: ``python -m acme_runtime_plain.serve MODEL NAME MAX_TOKENS HOST PORT``."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from transformers import pipeline


class Handler(BaseHTTPRequestHandler):
    """``GET /health``, ``POST /chat`` and ``POST /v1/chat/completions``."""

    generate: Any
    name: str
    max_tokens: int

    def do_GET(self) -> None:
        """The server listens once the model is loaded, so whoever is answered may ask."""
        models: dict[str, Any] = {"object": "list", "data": [{"id": self.name}]}
        self._reply({"/health": {"status": "ok"}, "/v1/models": models}.get(self.path))

    def do_POST(self) -> None:
        """Answer one prompt or one conversation."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or "{}")
        if self.path == "/chat":
            self._reply({"response": self._answer([{"role": "user", "content": body["prompt"]}])})
        elif self.path == "/v1/chat/completions":
            message = {"role": "assistant", "content": self._answer(body["messages"])}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._reply({"object": "chat.completion", "model": self.name, "choices": [choice]})
        else:
            self._reply(None)

    def _answer(self, messages: list[dict[str, str]]) -> str:
        made = self.generate(messages, max_new_tokens=self.max_tokens, do_sample=False, return_full_text=False)
        return str(made[0]["generated_text"]).strip()

    def _reply(self, content: dict[str, Any] | None) -> None:
        data = json.dumps({"error": "no such path"} if content is None else content).encode()
        self.send_response(404 if content is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    model, Handler.name, limit, host, port = sys.argv[1:]
    Handler.max_tokens = int(limit)
    Handler.generate = staticmethod(pipeline("text-generation", model=model, device="cpu"))
    HTTPServer((host, int(port)), Handler).serve_forever()
