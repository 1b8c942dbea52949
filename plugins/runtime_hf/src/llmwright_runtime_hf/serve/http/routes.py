"""The routes, and the ASGI application that holds them."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from llmwright_runtime_hf.serve.engine.interface import Engine
from llmwright_runtime_hf.serve.http.generation_handler import GenerationHandler
from llmwright_runtime_hf.serve.http.middleware import CountRequests, LimitBody, RequireKey
from llmwright_runtime_hf.serve.http.openai_errors import add_error_handlers
from llmwright_runtime_hf.serve.http.request_body import json_body
from llmwright_runtime_hf.serve.http.request_to_job import resolve_model
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest
from llmwright_runtime_hf.serve.http.responses import ChatCompletionFormat, CompletionFormat, PromptFormat
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


def create_app(options: ServeOptions, engine: Engine, metrics: ServerMetrics) -> FastAPI:
    """Return the application. It answers at once; routes that need the model answer 503 until the engine is ready."""
    app = FastAPI(title="LLMwright hf runtime", docs_url=None, redoc_url=None, openapi_url=None)
    add_error_handlers(app)
    _add_generation_routes(app, GenerationHandler(options, engine))
    _add_model_routes(app, options)
    _add_operation_routes(app, engine, metrics)
    # The middleware added last runs first: a request without the key is counted, and its body is not read.
    app.add_middleware(LimitBody)
    if options.api_key is not None:
        app.add_middleware(RequireKey, key=options.api_key)
    app.add_middleware(CountRequests, metrics=metrics)
    return app


def _add_generation_routes(app: FastAPI, handler: GenerationHandler) -> None:
    @app.post("/chat")
    async def chat(http: Request, request: Annotated[PromptRequest, Depends(json_body(PromptRequest))]) -> Response:
        return await handler.handle(http, request, PromptFormat)

    @app.post("/v1/chat/completions")
    async def chat_completions(
        http: Request, request: Annotated[ChatCompletionRequest, Depends(json_body(ChatCompletionRequest))]
    ) -> Response:
        return await handler.handle(http, request, ChatCompletionFormat)

    @app.post("/v1/completions")
    async def completions(
        http: Request, request: Annotated[CompletionRequest, Depends(json_body(CompletionRequest))]
    ) -> Response:
        return await handler.handle(http, request, CompletionFormat)


def _add_model_routes(app: FastAPI, options: ServeOptions) -> None:
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


def _add_operation_routes(app: FastAPI, engine: Engine, metrics: ServerMetrics) -> None:
    @app.get("/health")
    async def health() -> JSONResponse:
        state = engine.state
        if state.phase == "ready":
            return JSONResponse({"status": "Healthy"})
        return JSONResponse({"status": state.phase.capitalize(), "reason": state.reason}, 503)

    @app.get("/metrics")
    async def prometheus() -> Response:
        return PlainTextResponse(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/version")
    async def versions() -> JSONResponse:
        return JSONResponse({"version": version("llmwright-runtime-hf"), "transformers": version("transformers")})
