"""What is fuzzed of requests: bodies of the three routes that generate, answered by the hf server's application."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import cached_property
from pathlib import Path

import httpx
from fastapi import FastAPI
from tests.fuzz.corpus import REQUESTS
from tests.fuzz.judge import Kind
from tests.fuzz.tiny_model import save_tiny_model
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


class RequestTarget:
    """The application with a model of eight words; ``directory`` is its to write into."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def kind(self) -> Kind:
        """Return corpus and code."""
        return tuple(json.dumps(request) for request in REQUESTS), self.request

    def request(self, text: str) -> None:
        """Ask all three routes; each answers, and never with an error of its own."""
        asyncio.run(self._ask(text.encode(errors="surrogatepass")))

    async def _ask(self, body: bytes) -> None:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            for route in ("/v1/chat/completions", "/v1/completions", "/chat"):
                answer = await http.post(route, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code < 500, f"{route} answers {answer.status_code}: {answer.text[:300]}"
                answer.text.encode()

    @cached_property
    def _app(self) -> FastAPI:
        save_tiny_model(self._directory / "asked")
        options, metrics = options_for(self._directory / "asked"), ServerMetrics()
        engine, loaded = ModelThread(options, metrics), threading.Event()
        engine.start(on_ready=loaded.set, on_failure=loaded.set)
        loaded.wait()
        return create_app(options, engine, metrics)
