"""Errors that Ray Serve itself answers, in OpenAI's shape."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright_runtime_hf.serve.http.openai_errors import error_response

_KEYS = (
    *("type", "asgi", "http_version", "server", "client", "scheme", "root_path", "headers", "state", "method", "path"),
    *("raw_path", "query_string", "extensions"),
)
"""The keys of ASGI's own in a scope: FastAPI adds objects that do not travel to another process."""
_WORDS = {
    404: (503, "the model is not served at the moment", "not_ready"),
    408: (503, "no replica answered in time", "timeout"),
    429: (429, "too many requests wait already, try again", "overloaded"),
    500: (500, "the replica that held this request ended; try again", "replica_lost"),
    503: (503, "too many requests wait already, try again", "overloaded"),
}


class RayErrors:
    """Replace an error that is plain text: a replica answers JSON, so it is Ray Serve's own.

    Of a replica that ended it answers nothing at all, and uvicorn would write a plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = replaced = False

        async def replacing(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start" and _is_rays(message):
                replaced = True
                await _answer(message["status"], scope, receive, send)
            elif not replaced:
                started = True
                await send(message)

        await self._app(_plain(scope), receive, replacing)
        if not (started or replaced):
            await _answer(500, scope, receive, send)


async def _answer(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    status, words, code = _WORDS[status]
    await error_response(status, words, code=code, headers={"Retry-After": "1"})(scope, receive, send)


def _plain(scope: Scope) -> Scope:
    return {key: scope[key] for key in _KEYS if key in scope}


def _is_rays(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] in _WORDS and not kind.startswith("application/json")
