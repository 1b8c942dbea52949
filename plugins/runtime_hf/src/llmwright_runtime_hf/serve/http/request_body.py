"""From a request's bytes to one of the request models."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmwright_runtime_hf.serve.http.openai_errors import Refusal

_Body = TypeVar("_Body", bound=BaseModel)


def body_of(model: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """Make a dependency that reads ``model`` from the body.

    The content type is not looked at: ``curl -d '{"prompt": "..."}'`` announces a form and means JSON. Raises Refusal
    (400) with the one fault that says most.
    """

    async def read(request: Request) -> _Body:
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            raise _refusal(error) from error

    return read


def _refusal(error: ValidationError) -> Refusal:
    # Of the errors of a union, the deepest belongs to the alternative that was meant.
    told = max(error.errors(include_url=False), key=lambda one: len(one["loc"]))
    if told["type"] == "json_invalid":
        return Refusal(400, f"the body is not JSON: {told['ctx']['error']}", code="invalid_json")
    if not told["loc"]:
        return Refusal(400, "the body must be a JSON object", code="invalid_value")
    path = _path(told)
    message = f"{path}: {told['msg'].removeprefix('Value error, ')}{_given(told)}"
    return Refusal(400, message, param=path, code="invalid_value")


def _path(error: ErrorDetails) -> str:
    """Where it is, without the names that pydantic gives to a union's alternatives."""
    return ".".join(str(part) for part in error["loc"] if part != "str" and not str(part).startswith("list["))


def _given(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return ""
    text = json.dumps(error["input"], default=str, ensure_ascii=False)
    return f", not {text if len(text) <= 60 else text[:57] + '...'}"
