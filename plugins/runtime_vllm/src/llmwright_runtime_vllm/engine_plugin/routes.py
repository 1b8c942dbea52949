"""The plugin (vLLM's ``EndpointPlugin``): ``POST /chat``, and the key where the engine asks none."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from llmwright.values.lora_adapter import MAX_LORA_RANK

from .adapter_files import BaseModel
from .adapters import BASE_VARIABLE, FromDirectories, directories
from .chat import Chat, header

GUARDED = ("/v1",)
"""Beginnings of the paths for which the engine itself asks the key; it has more, for which the key is asked twice."""

OPEN = ("/ping", "/chat")
"""Paths that need no key, or ask for it elsewhere. So do all that only read: probes and Prometheus send none."""

LOAD = "/v1/load_lora_adapter"
OTHER_LOAD = "/adapters"
"""SageMaker's names for loading and unloading, which would be a way around the limits of ``LOAD``."""


class Routes:
    """The plugin (vLLM's ``EndpointPlugin``), which ``VLLM_PLUGINS`` must name."""

    name: ClassVar[str] = "llmwright"
    required_tasks: ClassVar[tuple[str, ...]] = ("generate",)

    def __init__(self) -> None:
        self._app: Starlette | None = None
        self._chat: Chat | None = None

    def attach_router(self, app: Starlette) -> None:
        """Add ``/chat`` behind the engine's own routes."""
        self._app, self._chat = app, Chat(app)
        app.router.routes.append(Route("/chat", self._chat, methods=["POST"]))

    async def init_state(self, engine_client: object, state: object, args: Any) -> None:
        """Guard the engine's routes. By now it has added the last of them."""
        assert self._app is not None
        assert self._chat is not None
        keys = [key for key in (getattr(args, "api_key", None) or [os.environ.get("VLLM_API_KEY")]) if key]
        self._chat.keyed = bool(keys)
        max_rank = getattr(args, "max_lora_rank", None) or MAX_LORA_RANK
        base = BaseModel.of_text(os.environ.get(BASE_VARIABLE, ""), max_rank)

        def load(app: ASGIApp) -> ASGIApp:
            lives = partial(_lives, engine_client)
            return FromDirectories(app, directories(os.environ), base, lives)

        for route in self._app.routes:
            if isinstance(route, Route):
                route.app = guarded(route, keys, load)


def _lives(engine_client: object) -> bool:
    return not getattr(engine_client, "errored", False)


def guarded(route: Route, keys: list[str], load: Callable[[ASGIApp], ASGIApp]) -> ASGIApp:
    """Return a route's application behind what it lacks: a key, and, by ``load``, limits to adapters."""
    if route.path == LOAD:
        return load(route.app)
    if route.path.startswith(OTHER_LOAD):
        return JSONResponse({"error": f"adapters are loaded by {LOAD}"}, 404)
    reads = (route.methods or {"POST"}) <= {"GET", "HEAD"}
    if not keys or reads or route.path in OPEN or route.path.startswith(GUARDED):
        return route.app
    return Guarded(route.app, keys)


class Guarded:
    """Answers 401 to a request without one of the keys."""

    def __init__(self, app: ASGIApp, keys: list[str]) -> None:
        self._app = app
        self._keys = [hashlib.sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, key = header(scope, b"authorization").partition(" ")
        sent = hashlib.sha256(key.encode()).digest()
        # All are compared, and not by ==: the time of an answer tells nothing about a key.
        same = [secrets.compare_digest(sent, each) for each in self._keys]
        if scheme.lower() == "bearer" and any(same):
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
