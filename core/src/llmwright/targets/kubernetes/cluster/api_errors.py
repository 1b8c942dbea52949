"""Errors of requests to an API server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmwright.errors import TargetError

UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410
INVALID = 422
TOO_MANY = 429
UNREACHABLE = 0
UNTYPED = "failed to create typed patch object"


class ApiError(TargetError):
    """The API server refused a request, or could not be reached.

    Attributes:
        code: the HTTP status code; 0 if the server could not be reached.
        retry_after_s: the seconds that the server asked us to wait.
    """

    def __init__(self, message: str, *, code: int, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)
        self.code = code


def refusal(request: str, code: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """Return the error for an answer of 400 and above. ``request`` names the request, without its body."""
    status = _status(body)
    message = str(status.get("message") or body[:200].decode(errors="replace").strip() or "no reason given")
    details = status.get("details") or {}
    # An API server calls it an error of its own where an applied object has a field that its schema lacks.
    code = INVALID if UNTYPED in message else code
    wait = headers.get("Retry-After") or details.get("retryAfterSeconds")
    return ApiError(
        f"{request}: {message}",
        code=code,
        reason=str(status.get("reason") or "ApiServerError"),
        retry_after_s=_seconds(wait),
    )


def unreachable(request: str, error: Exception) -> ApiError:
    """Return the error for a connection that failed before an answer came. The request may have been carried out."""
    return ApiError(f"{request}: {error}", code=UNREACHABLE, reason="ApiServerUnreachable")


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _seconds(value: Any) -> float | None:
    try:
        return None if value is None else max(float(value), 0.0)
    except (TypeError, ValueError):
        return None
