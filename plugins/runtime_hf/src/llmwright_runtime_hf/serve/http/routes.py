"""The routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from llmwright_runtime_hf.serve.engine.model_thread import Engine
from llmwright_runtime_hf.serve.http.event_stream import answer_streaming, answer_whole
from llmwright_runtime_hf.serve.http.middleware import CountRequests, LimitBody, RequireKey
from llmwright_runtime_hf.serve.http.openai_errors import Refusal, refuse_in_openai_shape
from llmwright_runtime_hf.serve.http.request_body import body_of
from llmwright_runtime_hf.serve.http.request_to_job import AnyRequest, job_for, resolve_model
from llmwright_runtime_hf.serve.http.requests import (
    ChatCompletionRequest,
    CompletionRequest,
    PromptRequest,
    refuse_unsupported,
)
from llmwright_runtime_hf.serve.http.responses import ChatCompletionForm, CompletionForm, Form, PlainForm
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import Metrics


def create_app(options: ServeOptions, engine: Engine, metrics: Metrics) -> FastAPI:
    """Build the ASGI application. It answers from the start; what needs the model is 503 until the engine is ready."""
    app = FastAPI(title="LLMwright hf runtime", docs_url=None, redoc_url=None, openapi_url=None)
    refuse_in_openai_shape(app)
    _add_generation(app, _Responder(options, engine))
    _add_models(app, options)
    _add_operations(app, engine, metrics)
    app.add_middleware(LimitBody)
    if options.api_key is not None:
        app.add_middleware(RequireKey, key=options.api_key)
    app.add_middleware(CountRequests, metrics=metrics)
    return app


class _Responder:
    """Answers one generation request, in whichever form."""

    def __init__(self, options: ServeOptions, engine: Engine) -> None:
        self._options = options
        self._engine = engine

    async def answer(self, http: Request, request: AnyRequest, form_of: Callable[[str], Form]) -> Response:
        refuse_unsupported(request)
        model = resolve_model(request.model, self._options)
        loaded = self._engine.loaded
        if loaded is None or self._engine.state.phase != "ready":
            raise Refusal(503, f"not ready: {self._engine.state.reason}", code="not_ready")
        # A long prompt takes a while to tokenise, and /health must answer meanwhile.
        job = await asyncio.to_thread(job_for, request, model, loaded)
        form = form_of(model)
        if request.stream:
            return answer_streaming(self._engine, job, form, usage=request.usage_wanted)
        return await answer_whole(http, self._engine, job, form)


def _add_generation(app: FastAPI, responder: _Responder) -> None:
    @app.post("/chat")
    async def chat(http: Request, request: Annotated[PromptRequest, Depends(body_of(PromptRequest))]) -> Response:
        return await responder.answer(http, request, PlainForm)

    @app.post("/v1/chat/completions")
    async def chat_completions(
        http: Request, request: Annotated[ChatCompletionRequest, Depends(body_of(ChatCompletionRequest))]
    ) -> Response:
        return await responder.answer(http, request, ChatCompletionForm)

    @app.post("/v1/completions")
    async def completions(
        http: Request, request: Annotated[CompletionRequest, Depends(body_of(CompletionRequest))]
    ) -> Response:
        return await responder.answer(http, request, CompletionForm)


def _add_models(app: FastAPI, options: ServeOptions) -> None:
    started = int(time.time())

    def card(name: str) -> dict[str, Any]:
        parent = None if name == options.served_model_name else options.served_model_name
        return {"id": name, "object": "model", "created": started, "owned_by": "llmwright", "parent": parent}

    @app.get("/v1/models")
    async def models() -> JSONResponse:
        return JSONResponse({"object": "list", "data": [card(name) for name in options.model_names]})

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> JSONResponse:
        return JSONResponse(card(resolve_model(name, options)))


def _add_operations(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    @app.get("/health")
    async def health() -> JSONResponse:
        state = engine.state
        if state.phase == "ready":
            return JSONResponse({"status": "Healthy"})
        return JSONResponse({"status": state.phase.capitalize(), "reason": state.reason}, 503)

    @app.get("/metrics")
    async def expose() -> Response:
        return PlainTextResponse(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/version")
    async def tell_version() -> JSONResponse:
        return JSONResponse({"version": version("llmwright-runtime-hf"), "transformers": version("transformers")})
