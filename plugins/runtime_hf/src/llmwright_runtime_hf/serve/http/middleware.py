"""What every request passes before a route sees it: counting, the API key, the size of its body. Plain ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import hmac

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright_runtime_hf.serve.http.openai_errors import error_body
from llmwright_runtime_hf.serve.server_metrics import Metrics

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
# Probes and Prometheus carry no key by default, and what these tell is no secret.
OPEN_ROUTES = ("/health", "/metrics", "/version")


class CountRequests:
    """Counts answers by route and status. Unknown paths share one label, so that strangers cannot make new series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
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
    """Answers 401 to a request without ``Authorization: Bearer KEY``, except on the open routes."""

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
        given = Headers(scope=scope).get("authorization", "")
        return hmac.compare_digest(given.encode("latin-1", "replace"), self._expected)


class LimitBody:
    """Answers 413 to a body over ``limit`` bytes, before it is read where its length is announced."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._app(scope, self._counting(receive), send)
        except _BodyTooLarge:
            await self._refuse(scope, receive, send)

    def _counting(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise _BodyTooLarge
            return message

        return counted

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and read away for a moment what is still being sent.

        A connection that is closed with unread bytes is reset, and a client that only sends first loses the answer.
        """
        body = error_body(413, f"the body is over {self._limit} bytes", code="body_too_large")
        answer = JSONResponse(body, 413, headers={"Connection": "close"})
        await send({"type": "http.response.start", "status": 413, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._read_away(receive)
        await send({"type": "http.response.body", "body": b""})

    async def _read_away(self, receive: Receive) -> None:
        left = LINGER_TIMES * self._limit
        while left > 0:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return
            left -= len(message.get("body", b""))


class _BodyTooLarge(Exception):
    """Raised from ``receive``, through the framework, to LimitBody."""


def _route(path: str) -> str:
    if path.startswith("/v1/models/"):
        return "/v1/models"
    return path if path in ROUTES else "other"
