"""Errors in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from llmwright_runtime_hf.serve.http.json_text import SafeJsonResponse

CLIENT_CLOSED_REQUEST = 499
"""nginx's code; only the metrics see it."""
_LONGEST_MESSAGE = 1000
_LONGEST_PARAM = 200


class ApiError(HTTPException):
    """An error response. ``param`` is the request field at fault, ``code`` a fixed word that programs compare.

    ``retry_after_s`` becomes the header ``Retry-After``. Without ``again`` OpenAI's clients do not ask once more by
    themselves, as they else do after 408, 409, 429 and 5xx.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
        again: bool = True,
    ) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        headers |= {} if again else {"X-Should-Retry": "false"}
        super().__init__(status, message, headers or None)
        self.param = param
        self.code = code


def error_body(status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return the JSON of an error. ``type`` follows from the status, as OpenAI's does.

    Names and numbers of a request may be megabytes long, and are cut.
    """
    message = cut(message, _LONGEST_MESSAGE)
    param = None if param is None else cut(param, _LONGEST_PARAM)
    return {"error": {"message": message, "type": _error_type(status), "param": param, "code": code}}


def cut(text: str, most: int) -> str:
    """Return ``text`` with at most ``most`` characters; ``...`` stands for the rest."""
    return text if len(text) <= most else text[: most - 3] + "..."


def add_error_handlers(app: FastAPI) -> None:
    """Give every error response of ``app`` that JSON, also those that FastAPI itself makes (404, 405, 500)."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_bug)


def error_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the response with that error."""
    return SafeJsonResponse(error_body(status, message, param=param, code=code), status, headers=headers)


async def _on_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    param, code = (error.param, error.code) if isinstance(error, ApiError) else (None, None)
    return error_response(error.status_code, str(error.detail), param=param, code=code, headers=error.headers)


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    # A client that leaves while it sends is no fault: without this, each one would leave a traceback in the log.
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _on_bug(_request: Request, _error: Exception) -> JSONResponse:
    # The exception's text may hold a part of a prompt or a path: it goes to the log, never to a client.
    return error_response(500, "internal error, see the server's log")


def _error_type(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "authentication_error"
    if status == HTTPStatus.NOT_FOUND:
        return "not_found_error"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return "timeout_error"
    return "invalid_request_error" if status < 500 else "server_error"
