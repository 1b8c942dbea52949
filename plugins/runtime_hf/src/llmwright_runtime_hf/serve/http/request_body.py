"""From the bytes of a request body to one of the models in ``requests``, or to a 400 that names the wrong field."""

from __future__ import annotations

import codecs
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import jiter
from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import Headers

from llmwright.reading.json_names import doubled_name
from llmwright_runtime_hf.serve.http.openai_errors import ApiError, cut
from llmwright_runtime_hf.serve.http.request_fields import GENERATE_NAMES, PREFIX

_MOST_FAULTS = 100
"""A million, in a body of 8 MB, would take gigabytes and 10 s of everybody's event loop. Lists end at their first."""
_Body = TypeVar("_Body", bound=BaseModel)


def json_body(model: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """Return a FastAPI dependency that reads the body as ``model``. It raises ApiError (400, 415) with one fault.

    FastAPI's own body parameters look at the content type, which ``RequireJson`` judges where that matters: behind a
    key, what ``curl -d '{"prompt": "..."}'`` sends as a form is read as the JSON that it is.
    """

    async def read(request: Request) -> _Body:
        body = (await request.body()).removeprefix(codecs.BOM_UTF8)
        _refuse_other_encodings(request.headers, body)
        content = _value_of(body)
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise _bad_request(error, content) from None

    return read


def _refuse_other_encodings(headers: Headers, body: bytes) -> None:
    """Raise ApiError (415) for a body that is compressed, or in another character set than its UTF-8 would be."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        message = f"Content-Encoding {coding[:60]} is not read; send the body as it is"
        raise ApiError(415, message, param="Content-Encoding", code="unsupported_encoding")
    _, _, parameters = headers.get("content-type", "").partition(";")
    charset = next((text.partition("=")[2] for text in parameters.split(";") if _is_charset(text)), "utf-8")
    charset = charset.strip().strip("\"'").lower()
    if charset not in ("utf-8", "utf8", "us-ascii", "") and not body.isascii():
        message = f"the charset {charset[:60]} is not read; JSON is sent in UTF-8 (RFC 8259)"
        raise ApiError(415, message, param="Content-Type", code="unsupported_encoding")


def _is_charset(parameter: str) -> bool:
    return parameter.partition("=")[0].strip().lower() == "charset"


def _value_of(body: bytes) -> Any:
    """Return the value of the JSON in ``body``, which is read once.

    Raises ApiError (400) for other bytes, and for a name that stands twice in one object: servers differ in which of
    its values they take.
    """
    try:
        return jiter.from_json(body, catch_duplicate_keys=True)
    except ValueError as error:
        if (path := _doubled_name(body)) is not None:
            raise ApiError(400, f"{path} stands twice; give it once", param=path, code="invalid_value") from None
        raise ApiError(400, f"the body is not JSON: {error}", code="invalid_json") from None


def _doubled_name(body: bytes) -> str | None:
    """Return the path of a name that stands twice; None for a body that is refused for something else."""
    try:
        return doubled_name(body)
    except (ValueError, RecursionError):
        return None


def _bad_request(error: ValidationError, content: Any) -> ApiError:
    if error.error_count() > _MOST_FAULTS:
        message = f"the body has {error.error_count()} faults, too many to look for the one to name"
        return ApiError(400, message, code="invalid_value")
    # A union reports the errors of each alternative. The deepest belongs to the alternative that the client meant.
    fault = max(error.errors(include_url=False), key=lambda fault: len(fault["loc"]))
    if not fault["loc"]:
        return ApiError(400, "the body must be a JSON object", code="invalid_value")
    path = _as_written(_path(fault), content)
    message = f"{path}: {fault['msg'].removeprefix('Value error, ')}{_value(fault)}"
    return ApiError(400, message, param=path, code="invalid_value")


def _path(fault: ErrorDetails) -> str:
    """Return the field's path, without the names that pydantic gives to the alternatives of a union."""
    alternatives = ("str", "constrained-int", "message-item", "reasoning-item")
    parts = (str(part) for part in fault["loc"] if part not in alternatives)
    return ".".join(part for part in parts if not part.startswith("list["))


def _as_written(path: str, content: Any) -> str:
    """Return ``path`` with the name that the client wrote where it was in ``generate_kwargs``."""
    options = content.get("generate_kwargs") if isinstance(content, dict) else None
    name, dot, rest = path.partition(".")
    written = next((theirs for theirs, ours in GENERATE_NAMES.items() if ours == name), name)
    return f"{PREFIX}{written}{dot}{rest}" if isinstance(options, dict) and written in options else path


def _value(fault: ErrorDetails) -> str:
    """Return ``, not VALUE``: the value that the client sent, cut at 60 characters."""
    if fault["type"] == "missing":
        return ""
    text = json.dumps(fault["input"], default=str, ensure_ascii=False)
    return f", not {cut(text, 60)}"
