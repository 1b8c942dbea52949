"""Refused requests, in the shape of OpenAI's errors: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


class Refusal(HTTPException):
    """A request that is not answered. ``param`` is the field at fault, ``code`` a word for programs."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(status, message)
        self.param = param
        self.code = code


def error_body(status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The JSON of an error; ``type`` follows from the status, as OpenAI's does."""
    return {"error": {"message": message, "type": _kind(status), "param": param, "code": code}}


def refuse_in_openai_shape(app: FastAPI) -> None:
    """Make every error that leaves ``app`` carry that body, the framework's own too."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_bug)


async def _on_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    param, code = (error.param, error.code) if isinstance(error, Refusal) else (None, None)
    body = error_body(error.status_code, str(error.detail), param=param, code=code)
    return JSONResponse(body, error.status_code, headers=error.headers)


async def _on_bug(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse(error_body(500, "internal error, see the server's log"), 500)


def _kind(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "authentication_error"
    if status == HTTPStatus.NOT_FOUND:
        return "not_found_error"
    return "invalid_request_error" if status < 500 else "server_error"
