"""The workload half: ``python -m acme_runtime_plain.serve --model MODEL --name NAME --host HOST --port PORT …``."""

from __future__ import annotations

import argparse
import json
import math
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from transformers import pipeline

NOT_HONOURED = ("tools", "response_format", "logprobs")


class Handler(BaseHTTPRequestHandler):
    """``GET /health`` and ``/v1/models``, ``POST /v1/chat/completions``. It listens once the model is loaded."""

    options: argparse.Namespace
    generate: Any
    turn = threading.Lock()

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": self.options.name, "object": "model"}]}
        known: dict[str, Any] = {"/health": {"status": "ok"}, "/v1/models": models}
        self._reply(200 if self.path in known else 404, known.get(self.path, {"error": {"message": "no such path"}}))

    def do_POST(self) -> None:
        if self.path not in ("/chat", "/v1/chat/completions"):
            return self._reply(404, {"error": {"message": "no such path"}})
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            messages = body["messages"] if self.path != "/chat" else [{"role": "user", "content": body["prompt"]}]
            messages = [{**message, "content": text_of(message["content"])} for message in messages]
            refused = [name for name in NOT_HONOURED if body.get(name)]
            if refused or body.get("n", 1) != 1 or body.get("temperature", 0) < 0:
                raise ValueError(f"not honoured: {', '.join(refused) or 'several answers, a negative temperature'}")
            asked = len(self.generate.tokenizer.apply_chat_template(messages, return_dict=False))
            most = min(self.options.max_tokens, self.options.context - asked, body.get("max_tokens") or math.inf)
            if most < 1:
                raise ValueError(f"{asked} tokens leave no room within {self.options.context}")
            with self.turn:
                told = self.generate(messages, return_full_text=False, max_new_tokens=most, do_sample=False)
        except (ValueError, KeyError, TypeError) as error:
            return self._reply(400, {"error": {"message": f"{type(error).__name__}: {error}"}})
        answer = told[0]["generated_text"].strip()
        tokens = len(self.generate.tokenizer(answer, add_special_tokens=False).input_ids)
        usage = {"prompt_tokens": asked, "completion_tokens": tokens, "total_tokens": asked + tokens}
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        about = {"object": "chat.completion", "model": self.options.name, "usage": usage}
        return self._reply(200, {**about, "choices": [choice], "response": answer})

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


def text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("model", "revision", "name", "host", "port", "context", "max-tokens"):
        parser.add_argument(f"--{name}", type=int if name in ("port", "context", "max-tokens") else str)
    parser.add_argument("--trust-remote-code", action="store_true")
    Handler.options = options = parser.parse_args()
    source = {"revision": options.revision, "trust_remote_code": options.trust_remote_code}
    Handler.generate = pipeline("text-generation", model=options.model, device="cpu", **source)
    ThreadingHTTPServer.daemon_threads = False  # an answer that has begun is finished after SIGTERM
    with ThreadingHTTPServer((options.host, options.port), Handler) as server:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()
