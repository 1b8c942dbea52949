"""From the bytes of a request body to one of the models in ``requests``, or to a 400 that names the wrong field."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.request_fields import GENERATE_NAMES, PREFIX

_Body = TypeVar("_Body", bound=BaseModel)


def json_body(model: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """Return a FastAPI dependency that reads the body as ``model``. It raises ApiError (400) with one fault.

    FastAPI's own body parameters look at the content type, which ``RequireJson`` judges where that matters: behind a
    key, what ``curl -d '{"prompt": "..."}'`` sends as a form is read as the JSON that it is.
    """

    async def read(request: Request) -> _Body:
        body = await request.body()
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise _bad_request(error, body) from None

    return read


def _bad_request(error: ValidationError, body: bytes) -> ApiError:
    # A union reports the errors of each alternative. The deepest belongs to the alternative that the client meant.
    fault = max(error.errors(include_url=False), key=lambda fault: len(fault["loc"]))
    if fault["type"] == "json_invalid":
        return ApiError(400, f"the body is not JSON: {fault['ctx']['error']}", code="invalid_json")
    if not fault["loc"]:
        return ApiError(400, "the body must be a JSON object", code="invalid_value")
    path = _as_written(_path(fault), body)
    message = f"{path}: {fault['msg'].removeprefix('Value error, ')}{_value(fault)}"
    return ApiError(400, message, param=path, code="invalid_value")


def _path(fault: ErrorDetails) -> str:
    """Return the field's path, without the names that pydantic gives to the alternatives of a union."""
    alternatives = ("str", "constrained-int")
    parts = (str(part) for part in fault["loc"] if part not in alternatives)
    return ".".join(part for part in parts if not part.startswith("list["))


def _as_written(path: str, body: bytes) -> str:
    """Return ``path`` with the name that the client wrote where it was in ``generate_kwargs``."""
    try:
        content = read_json(body)
    except Unreadable:
        return path
    options = content.get("generate_kwargs") if isinstance(content, dict) else None
    name, dot, rest = path.partition(".")
    written = next((theirs for theirs, ours in GENERATE_NAMES.items() if ours == name), name)
    return f"{PREFIX}{written}{dot}{rest}" if isinstance(options, dict) and written in options else path


def _value(fault: ErrorDetails) -> str:
    """Return ``, not VALUE``: the value that the client sent, cut at 60 characters."""
    if fault["type"] == "missing":
        return ""
    text = json.dumps(fault["input"], default=str, ensure_ascii=False)
    return f", not {text if len(text) <= 60 else text[:57] + '...'}"
