"""Tell Ray Serve which adapter a request asks for, so that it goes to a replica that holds it, if one does."""

from __future__ import annotations

import codecs

from starlette.types import ASGIApp, Receive, Scope, Send

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.engine.served_names import Names
from llmwright_runtime_hf.serve.http.openai_errors import ApiError, error_response
from llmwright_runtime_hf.serve.http.request_to_job import resolve_model
from llmwright_runtime_vllm.engine_plugin.chat import with_body

HEADER = "serve_multiplexed_model_id"
"""Ray Serve's, which also reads it with hyphens."""


class AdapterOfRequest:
    """Set ``HEADER`` by the body's ``model``, and by nothing that the client says in the header.

    A replica knows the adapters alone that it holds, so a name that nobody has is refused here.
    """

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        try:
            name = _adapter(body, self._names)
        except ApiError as error:
            answer = error_response(error.status_code, str(error.detail), param=error.param, code=error.code)
            await answer(scope, receive, send)
            return
        kept = [pair for pair in scope["headers"] if pair[0].lower().replace(b"-", b"_") != HEADER.encode()]
        named = [(HEADER.encode(), name.encode())] if name else []
        await self._app({**scope, "headers": [*kept, *named]}, with_body(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None where the client has left."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _adapter(body: bytes, names: Names) -> str:
    """Return the adapter that a body asks for; empty for the base, and for a body that the replica refuses."""
    try:
        content = read_json(body.removeprefix(codecs.BOM_UTF8))
    except Unreadable:
        return ""
    model = content.get("model") if isinstance(content, dict) else ""
    if not (model is None or (isinstance(model, str) and model)):
        return ""
    name = resolve_model(model, names)
    return "" if name == names.served_model_name else name
