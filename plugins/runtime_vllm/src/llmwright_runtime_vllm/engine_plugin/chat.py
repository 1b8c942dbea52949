"""``POST /chat``, which asks the engine's own routes inside of the process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answer import Answer
from .fields import Refused, fields_of, request_of

MOST_BODY = 8 * 2**20
OK = 200


class Chat:
    """``POST /chat``: a prompt, answered with the model's chat template where it has one."""

    def __init__(self, app: ASGIApp) -> None:
        self.keyed = False
        self._app = app
        self._templated = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if not self.keyed and "json" not in header(scope, b"content-type") and _of_browser(scope):
                # A web page may send any other type to this machine without asking; programs such as curl are no page.
                raise Refused("Content-Type", "a server without a key takes only application/json from a page", 415)
            body = fields_of(await read_body(receive))
            await self._converse(scope, receive, send, body)
        except Refused as refused:
            await JSONResponse(refused.as_json, refused.status)(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send, fields: dict[str, Any]) -> None:
        asked, prompt = request_of(fields), fields["prompt"]
        prefix = prompt if fields.get("return_full_text") else ""
        ways = {"/v1/chat/completions": {"messages": [{"role": "user", "content": prompt}]}} if self._templated else {}
        for path, words in {**ways, "/v1/completions": {"prompt": prompt}}.items():
            answer = Answer(send, prefix)
            limit = await self._limit(scope, fields, words)
            await self._ask(scope, receive, path, {**words, **asked, **limit}, answer)
            if not answer.lacks_template:
                break
            self._templated = False
        await answer.end(scope, receive)

    async def _limit(self, scope: Scope, fields: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
        """Return ``max_tokens`` where the engine would take another: ``max_length`` counts the tokens of the prompt
        too, and a completion ends after 16 where a conversation goes on to its end."""
        longest = fields.get("max_length")
        if fields.get("max_tokens") is not None or (longest is None and "messages" in words):
            return {}
        if longest is not None and (type(longest) is not int or longest < 1):
            raise Refused("max_length", "is no whole number above 0")
        model = {"model": fields["model"]} if fields.get("model") else {}
        counted = Answer(_nowhere)
        await self._ask(scope, _nothing, "/tokenize", {**words, **model}, counted)
        if counted.status != OK:
            return {}
        tokens = json.loads(counted.content)
        if longest is not None and tokens["count"] >= longest:
            raise Refused("max_length", f"the prompt alone has {tokens['count']} tokens")
        return {
            "max_tokens": max(1, min(longest or tokens["max_model_len"], tokens["max_model_len"]) - tokens["count"])
        }

    async def _ask(self, scope: Scope, receive: Receive, path: str, body: dict[str, Any], answer: Answer) -> None:
        content = json.dumps(body).encode()
        kept = [pair for pair in scope["headers"] if pair[0] in (b"authorization", b"x-request-id", b"host")]
        headers = [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        names = ("type", "asgi", "http_version", "scheme", "root_path", "client", "server", "state", "extensions")
        inner = {name: scope[name] for name in names if name in scope}
        root = scope.get("root_path", "")
        inner |= {"method": "POST", "path": root + path, "raw_path": (root + path).encode(), "query_string": b""}
        await self._app({**inner, "headers": headers}, with_body(content, receive), answer.send)


async def read_body(receive: Receive) -> bytes:
    """Return the whole body.

    Raises:
        Refused: it is too long.
    """
    content: bytes = b""
    while True:
        message = await receive()
        content += message.get("body", b"")
        if len(content) > MOST_BODY:
            raise Refused("body", f"is over {MOST_BODY} bytes", 413)
        if not message.get("more_body"):
            return content


def with_body(content: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``content`` as the whole body, and then what ``receive`` gives."""
    sent = False

    async def content_then_rest() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": content, "more_body": False}

    return content_then_rest


async def _nowhere(message: Message) -> None:
    """Take what nobody is to read."""


async def _nothing() -> Message:
    """Wait for ever: the client of an inner request does not leave."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


def _of_browser(scope: Scope) -> bool:
    return any(header(scope, name) for name in (b"origin", b"sec-fetch-site"))


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a request's header, empty for none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
