"""The part of the ingress that is ours. It runs inside of Ray Serve's proxies, before they choose a replica.

Who may ask, the size of bodies, ``/health``, ``/metrics``, ``/version`` and the list of models are answered here, so
that a stranger, a probe or Prometheus neither wakes a model that is scaled to zero nor takes the place of a request.
"""

from __future__ import annotations

import asyncio
import os

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.http.page import add_page
from llmwright_runtime_hf.serve.http.routes import add_middleware, add_model_routes, add_state_routes, empty_app
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics
from llmwright_runtime_ray.command_line import ARGV_VARIABLE
from llmwright_runtime_ray.serve.adapter_of_request import AdapterOfRequest
from llmwright_runtime_ray.serve.application_state import ApplicationState
from llmwright_runtime_ray.serve.llm_errors import LlmErrors
from llmwright_runtime_ray.serve.metric_families import added, exposition, families_of
from llmwright_runtime_ray.serve.options import parse
from llmwright_runtime_ray.serve.ray_errors import RayErrors
from llmwright_runtime_vllm.engine_plugin.chat import Chat

OWN_PATHS = ("/-/healthz", "/-/routes")
"""Ray Serve's own, which KubeRay and load balancers ask."""


def middlewares() -> list[Middleware]:
    """Return the middlewares of a proxy. Each proxy calls it: ``command_line.ENVIRONMENT`` names it."""
    options = parse(read_json(os.environ[ARGV_VARIABLE]), os.environ)
    on_demand = options.most_adapters is not None
    return [Middleware(Ingress, options=options.engine, llm=options.vllm is not None, on_demand=on_demand)]


class Ingress:
    """Answer what needs no replica, refuse who may not ask, and pass the rest on to Ray Serve."""

    def __init__(self, app: ASGIApp, options: ServeOptions, *, llm: bool = False, on_demand: bool = False) -> None:
        """``on_demand``: a replica does not hold all adapters, so Ray Serve is told which one is asked for."""
        self._ray = app
        # Ray Serve LLM's own ingress, which is another deployment, says it by itself.
        behind = AdapterOfRequest(app, options) if on_demand and not llm else app
        self._app = ingress_app(behind, options, ApplicationState(), llm=llm)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["type"] != "http" or scope["path"] in OWN_PATHS
        await (self._ray if own else self._app)(scope, receive, send)


def ingress_app(ray: ASGIApp, options: ServeOptions, state: ApplicationState, *, llm: bool = False) -> FastAPI:
    """Return the application that stands before ``ray``; before Ray Serve LLM it has ``/chat`` too."""
    disable_created_metrics()
    metrics = ServerMetrics()
    app = empty_app()
    add_state_routes(app, state)
    add_model_routes(app, options)

    @app.api_route("/metrics", methods=["GET", "HEAD"])
    async def prometheus() -> Response:
        replicas = await asyncio.to_thread(state.metric_families)
        text = exposition(added([families_of(metrics.registry), replicas]))
        return PlainTextResponse(text, media_type=CONTENT_TYPE_LATEST)

    behind: ASGIApp = RayErrors(LlmErrors(ray) if llm else ray)
    if llm:
        chat = Chat(behind)
        # Whether a key or JSON is wanted has been asked before.
        chat.keyed = True
        app.router.routes.append(Route("/chat", chat, methods=["POST"]))
    if options.page:
        add_page(app)
    app.mount("/", behind)
    add_middleware(app, options, metrics)
    return app
