"""Middleware that every request passes before a route: plain paths, request counts, the body limit. Plain ASGI."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright_runtime_hf.serve.http.openai_errors import error_response
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_HELD_BYTES = 16 * MAX_BODY_BYTES
"""Bytes of bodies that are being read at one time, all together."""
LINGER_SECONDS = 2.0
LINGER_TIMES = 4
ROUTES = (
    "/",
    "/chat",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/models",
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/health",
    "/metrics",
    "/openapi.json",
    "/version",
)


class PlainPath:
    """Read ``/health/`` as ``/health``: probes and clients write both."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            path = scope["path"].rstrip("/") or "/"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


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


class LimitBody:
    """Answer 413 to a body over ``limit`` bytes: at once if Content-Length gives the size, else while reading.

    Bodies that are being read share ``held_limit`` bytes; beyond them the answer is 503.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES, held_limit: int = MAX_HELD_BYTES) -> None:
        self._app = app
        self._limit = limit
        self._held_limit = held_limit
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        content_length = Headers(scope=scope).get("content-length", "0")
        if content_length.isdigit() and (len(content_length) > 18 or int(content_length) > self._limit):
            await self._reject(_BodyTooLarge.status, receive, send)
            return
        body = _HeldBytes()
        try:
            await self._app(scope, self._limited(receive, body), send)
        except (_BodyTooLarge, _TooManyBodies) as excess:
            # Free first, then answer: the answer waits for a client that still sends.
            self._free(body)
            await self._reject(excess.status, receive, send)
        finally:
            self._free(body)

    def _limited(self, receive: Receive, body: _HeldBytes) -> Receive:
        async def limited() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            body.read += size
            body.held += size
            self._held += size
            if body.read > self._limit:
                raise _BodyTooLarge
            if self._held > self._held_limit:
                raise _TooManyBodies
            if not message.get("more_body"):
                self._free(body)
            return message

        return limited

    def _free(self, body: _HeldBytes) -> None:
        self._held -= body.held
        body.held = 0

    async def _reject(self, status: int, receive: Receive, send: Send) -> None:
        """Answer ``status``, and discard for a moment what the client still sends.

        A connection that is closed with unread bytes is reset, and a client that only sends first loses the answer.
        """
        if status == _BodyTooLarge.status:
            message, code = f"the body is over {self._limit} bytes", "body_too_large"
        else:
            message, code = "too many large requests arrive at once, try again", "overloaded"
        response = error_response(status, message, code=code, headers={"Connection": "close"})
        await send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
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


@dataclass(slots=True)
class _HeldBytes:
    """The bytes of one body: those read so far, and those that count against the common limit."""

    read: int = 0
    held: int = 0


class _BodyTooLarge(Exception):
    """Raised inside ``receive``; it passes through FastAPI up to LimitBody."""

    status = 413


class _TooManyBodies(Exception):
    """As ``_BodyTooLarge``, where the bodies of all clients together are too large."""

    status = 503


def _route(path: str) -> str:
    if path.startswith("/v1/models/"):
        return "/v1/models"
    return path if path in ROUTES else "other"
