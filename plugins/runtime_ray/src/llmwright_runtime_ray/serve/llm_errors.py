"""Errors of Ray Serve LLM in OpenAI's shape, without words from inside of Ray; and none of its CORS headers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.http.openai_errors import error_response

_LEAST_ERROR = 400
_BUSY = (429, 503)
_WRAPPED = re.compile(r"Message: (.*?)(?: \(Request ID: [^)]*\))?, Internal exception: .*", re.DOTALL)
_CLASS = re.compile(r"\A(?:\w+\.)+\w+: ")
"""The name of an exception before its words."""
_CORS = b"access-control-"


class LlmErrors:
    """Pass requests on, and answers back; an error is written anew.

    Ray Serve LLM lets every origin ask. Which may is for the ingress before it to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed: int | None = None
        content = b""

        async def replacing(message: Message) -> None:
            nonlocal failed, content
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(_CORS)]
                # What is no JSON is from Ray Serve's own proxy, and is judged elsewhere.
                failed = message["status"] if _is_error(message) else None
                if failed is None:
                    await send({**message, "headers": kept})
            elif failed is None:
                await send(message)
            else:
                content += message.get("body", b"")
                if not message.get("more_body", False):
                    await _answer(failed, content, scope, receive, send)

        await self._app(scope, receive, replacing)


def _is_error(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= _LEAST_ERROR and kind.startswith("application/json")


async def _answer(status: int, content: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    words, param = words_of(content)
    headers = {"Retry-After": "1"} if status in _BUSY else {}
    await error_response(status, words, param=param, headers=headers)(scope, receive, send)


def words_of(content: bytes) -> tuple[str, str | None]:
    """Return the message of an error's body, and the field that it is about; the body itself where it is no JSON."""
    text = content.decode(errors="replace")
    try:
        body = read_json(text)
    except Unreadable:
        return text, None
    error: Mapping[str, Any] = body if isinstance(body, dict) else {}
    error = error["error"] if isinstance(error.get("error"), dict) else error
    message = error.get("message") or error.get("detail") or text
    words = message if isinstance(message, str) else json.dumps(message)
    wrapped = _WRAPPED.fullmatch(words)
    named = re.search(r"parameter=(\w+)", words)
    return _CLASS.sub("", wrapped[1] if wrapped else words), named[1] if named else None
