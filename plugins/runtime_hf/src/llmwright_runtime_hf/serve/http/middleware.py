"""Middleware that every request passes before a route: request counts, the API key, the body limit. Plain ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import hmac

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright_runtime_hf.serve.http.openai_errors import error_body
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

MAX_BODY_BYTES = 8 * 1024 * 1024
LINGER_SECONDS = 2.0
LINGER_TIMES = 4
ROUTES = (
    "/chat",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/models",
    "/health",
    "/metrics",
    "/version",
)
# Probes and Prometheus send no key by default, and these routes show no secret.
OPEN_ROUTES = ("/health", "/metrics", "/version")


class CountRequests:
    """Count responses by route and status. Unknown paths share one label: else a scanner would make endless series."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = _route(scope["path"])

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counting)


class RequireKey:
    """Answer 401 to a request without ``Authorization: Bearer KEY``, except on the open routes."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_ROUTES or self._allowed(scope):
            await self._app(scope, receive, send)
            return
        body = error_body(401, "a valid API key is needed: Authorization: Bearer KEY", code="invalid_api_key")
        await JSONResponse(body, 401, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        header = Headers(scope=scope).get("authorization", "")
        # Not ==, which returns at the first wrong byte: a client could measure the time and find the key byte by byte.
        return hmac.compare_digest(header.encode("latin-1", "replace"), self._expected)


class LimitBody:
    """Answer 413 to a body over ``limit`` bytes: at once if Content-Length gives the size, else while reading."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        content_length = Headers(scope=scope).get("content-length", "0")
        if content_length.isdigit() and int(content_length) > self._limit:
            await self._reject(receive, send)
            return
        try:
            await self._app(scope, self._limited(receive), send)
        except _BodyTooLarge:
            await self._reject(receive, send)

    def _limited(self, receive: Receive) -> Receive:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise _BodyTooLarge
            return message

        return limited

    async def _reject(self, receive: Receive, send: Send) -> None:
        """Answer 413, and discard for a moment what the client still sends.

        A connection that is closed with unread bytes is reset, and a client that only sends first loses the answer.
        """
        body = error_body(413, f"the body is over {self._limit} bytes", code="body_too_large")
        response = JSONResponse(body, 413, headers={"Connection": "close"})
        await send({"type": "http.response.start", "status": 413, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._discard(receive)
        await send({"type": "http.response.body", "body": b""})

    async def _discard(self, receive: Receive) -> None:
        left = LINGER_TIMES * self._limit
        while left > 0:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return
            left -= len(message.get("body", b""))


class _BodyTooLarge(Exception):
    """Raised inside ``receive``; it passes through FastAPI up to LimitBody."""


def _route(path: str) -> str:
    if path.startswith("/v1/models/"):
        return "/v1/models"
    return path if path in ROUTES else "other"
