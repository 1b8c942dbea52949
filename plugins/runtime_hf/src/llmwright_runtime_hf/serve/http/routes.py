"""The routes, and the ASGI application that holds them."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from llmwright_runtime_hf.serve.engine.interface import Engine, Stateful
from llmwright_runtime_hf.serve.engine.served_names import Names
from llmwright_runtime_hf.serve.http.access import AnswerOptions, RequireHost, RequireJson, RequireKey, cross_origin
from llmwright_runtime_hf.serve.http.adapter_routes import add_adapter_routes
from llmwright_runtime_hf.serve.http.generation_handler import GenerationHandler
from llmwright_runtime_hf.serve.http.json_text import SafeJsonResponse
from llmwright_runtime_hf.serve.http.middleware import CountRequests, LimitBody, PlainPath
from llmwright_runtime_hf.serve.http.openai_errors import add_error_handlers
from llmwright_runtime_hf.serve.http.openapi_document import add_openapi_document
from llmwright_runtime_hf.serve.http.page import add_page
from llmwright_runtime_hf.serve.http.request_body import json_body
from llmwright_runtime_hf.serve.http.request_to_job import resolve_model
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest
from llmwright_runtime_hf.serve.http.responses_format import ResponsesFormat
from llmwright_runtime_hf.serve.http.responses_request import ResponsesRequest
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def create_app(options: ServeOptions, engine: Engine, metrics: ServerMetrics) -> FastAPI:
    """Return the application. It answers at once; routes that need the model answer 503 until the engine is ready."""
    app = generation_app(options, engine)
    add_model_routes(app, engine.served)
    add_adapter_routes(app, options, engine)
    add_state_routes(app, engine)
    _add_metrics_route(app, metrics)
    add_openapi_document(app, app.title, hot_adapters=options.hot_adapters)
    if options.page:
        add_page(app)
    add_middleware(app, options, metrics)
    return app


def empty_app() -> FastAPI:
    """Return an application without routes, whose errors have OpenAI's shape."""
    app = FastAPI(title="LLMwright hf runtime", docs_url=None, redoc_url=None, openapi_url=None)
    add_error_handlers(app)
    return app


def generation_app(options: ServeOptions, engine: Engine) -> FastAPI:
    """Return an application with the routes that generate, without any middleware."""
    app = empty_app()
    _add_generation_routes(app, GenerationHandler(options, engine))
    return app


def add_middleware(app: FastAPI, options: ServeOptions, metrics: ServerMetrics) -> None:
    """Add what every request passes. The one added last runs first."""
    app.add_middleware(LimitBody)
    # The key before the body: a stranger's body is not read.
    if options.api_key is not None:
        app.add_middleware(RequireKey, key=options.api_key)
    else:
        app.add_middleware(RequireJson)
    # OPTIONS before the key, which browsers do not send with it; origins around the key, so that a page reads its 401.
    app.add_middleware(AnswerOptions)
    if options.allowed_origins:
        app.add_middleware(cross_origin, origins=options.allowed_origins)
    if options.checks_host:
        app.add_middleware(RequireHost, allowed=(options.host, *options.allowed_hosts))
    # A refused request is counted too, under the route that it meant.
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(PlainPath)


def _get(app: FastAPI, path: str) -> Callable[[_Endpoint], _Endpoint]:
    """Return a decorator for a route of GET and HEAD; uvicorn leaves out the body of an answer to HEAD."""
    return app.api_route(path, methods=["GET", "HEAD"])


def _add_generation_routes(app: FastAPI, handler: GenerationHandler) -> None:
    @app.post("/chat")
    async def chat(http: Request, request: Annotated[PromptRequest, Depends(json_body(PromptRequest))]) -> Response:
        return await handler.handle(http, request)

    @app.post("/v1/chat/completions")
    async def chat_completions(
        http: Request, request: Annotated[ChatCompletionRequest, Depends(json_body(ChatCompletionRequest))]
    ) -> Response:
        return await handler.handle(http, request)

    @app.post("/v1/completions")
    async def completions(
        http: Request, request: Annotated[CompletionRequest, Depends(json_body(CompletionRequest))]
    ) -> Response:
        return await handler.handle(http, request)

    @app.post("/v1/responses")
    async def responses(
        http: Request, request: Annotated[ResponsesRequest, Depends(json_body(ResponsesRequest))]
    ) -> Response:
        return await handler.handle(http, request.chat(), ResponsesFormat)


def add_model_routes(app: FastAPI, names: Names) -> None:
    """Add the routes that list the models."""
    started = int(time.time())

    def card(name: str) -> dict[str, Any]:
        parent = None if name == names.served_model_name else names.served_model_name
        return {"id": name, "object": "model", "created": started, "owned_by": "llmwright", "parent": parent}

    @_get(app, "/v1/models")
    async def models() -> JSONResponse:
        return SafeJsonResponse({"object": "list", "data": [card(name) for name in names.model_names]})

    @_get(app, "/v1/models/{name:path}")
    async def model(name: str) -> JSONResponse:
        return SafeJsonResponse(card(resolve_model(name, names)))


def add_state_routes(app: FastAPI, engine: Stateful) -> None:
    """Add ``/health``, which answers 200 once ``engine`` is ready, and ``/version``."""

    @_get(app, "/health")
    async def health() -> JSONResponse:
        state = engine.state
        if state.phase == "ready":
            return SafeJsonResponse({"status": "Healthy"})
        return SafeJsonResponse({"status": state.phase.capitalize(), "reason": state.reason}, 503)

    @_get(app, "/version")
    async def versions() -> JSONResponse:
        return SafeJsonResponse({"version": version("llmwright-runtime-hf"), "transformers": version("transformers")})


def _add_metrics_route(app: FastAPI, metrics: ServerMetrics) -> None:
    @_get(app, "/metrics")
    async def prometheus() -> Response:
        return PlainTextResponse(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
