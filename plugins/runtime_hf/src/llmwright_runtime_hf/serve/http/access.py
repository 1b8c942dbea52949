"""Middleware that decides who may ask: the Host, the answer to OPTIONS, the API key, the content type. Plain ASGI."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence

from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from llmwright_runtime_hf.serve.http.middleware import ROUTES
from llmwright_runtime_hf.serve.http.openai_errors import error_response

# Probes, Prometheus and a browser that opens the page send no key, and these routes show no secret.
OPEN_ROUTES = ("/", "/health", "/metrics", "/version")
POSTED_ROUTES = (
    *("/chat", "/v1/chat/completions", "/v1/completions", "/v1/responses"),
    *("/v1/load_lora_adapter", "/v1/unload_lora_adapter"),
)


class RequireHost:
    """Answer 421 to a request for another host.

    A web page may point its own name at this machine (DNS rebinding), and then the browser lets it read the answers.
    The name of a loopback address is always allowed, and ``*`` allows any.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(_plain_host(host) for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._allows(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
            return
        message = "this host is not served here; --allowed-host (runtimeConfig.allowedHosts) names further ones"
        await error_response(421, message, code="unknown_host")(scope, receive, send)

    def _allows(self, hosts: Sequence[str]) -> bool:
        if "*" in self._allowed:
            return True
        return len(hosts) == 1 and (_is_loopback(host := _plain_host(hosts[0])) or host in self._allowed)


class AnswerOptions:
    """Answer OPTIONS on a known path with its methods. No key is asked: browsers send none with a preflight."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" and scope["method"] == "OPTIONS" else ""
        if path not in ROUTES and not path.startswith("/v1/models/"):
            await self._app(scope, receive, send)
            return
        allow = "POST, OPTIONS" if path in POSTED_ROUTES else "GET, HEAD, OPTIONS"
        await Response(status_code=204, headers={"Allow": allow})(scope, receive, send)


class RequireKey:
    """Answer 401 to a request without ``Authorization: Bearer KEY``, except on the open routes."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_ROUTES or self._allowed(scope):
            await self._app(scope, receive, send)
            return
        message = "a valid API key is needed: Authorization: Bearer KEY"
        headers = {"WWW-Authenticate": "Bearer"}
        await error_response(401, message, code="invalid_api_key", headers=headers)(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        # The scheme in any case, as RFC 9110 has it.
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        sent = token.strip().encode("latin-1", "replace")
        # Not ==, which returns at the first wrong byte: a client could measure the time and find the key byte by byte.
        return hmac.compare_digest(sent, self._key) and scheme.lower() == "bearer"


class RequireJson:
    """Answer 415 to a body that comes from a browser and is not announced as JSON.

    For a server without a key: a web page can send any other content type to this machine without asking (CORS).
    Browsers name the page's origin with every POST (Fetch standard, "append a request `Origin` header"). Programs name
    none, and ``curl -d`` announces a form whatever it sends, as in KAITO's own examples.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or _may_pass(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        message = "a server without an API key takes Content-Type: application/json only from a web page"
        await error_response(415, message, code="unsupported_media_type")(scope, receive, send)


def cross_origin(app: ASGIApp, origins: Sequence[str]) -> CORSMiddleware:
    """Return ``app`` for browsers on pages of ``origins``; ``*`` is any."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=("*",),
        expose_headers=("*",),
    )


def _may_pass(headers: Headers) -> bool:
    return _is_json(headers) or not _of_browser(headers)


def _of_browser(headers: Headers) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers


def _is_json(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _plain_host(header: str) -> str:
    """Return the host of a ``Host`` header: in lower case, without port, brackets and the dot at the end."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() and ":" not in name else host).removesuffix(".")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
