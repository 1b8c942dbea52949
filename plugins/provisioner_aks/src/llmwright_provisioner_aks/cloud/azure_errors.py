"""Exceptions of azure-core and azure-identity as errors of the target."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError as CoreError
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from llmwright.errors import TargetError
from llmwright_provisioner_aks.refusals import MOST, REASONS, Refusal, refusal_of
from llmwright_provisioner_aks.seen_pools import AzureError

UNREACHABLE = "AzureUnreachable"
CHECK_NETWORK = "check the network, and cloud and resourceManager under plugins.provisioner.aks"
ATTEMPT = 240
"""The most characters of the reason of one credential."""

WAIT_S = 15.0
"""Seconds to leave a cluster alone that is busy with another operation."""

_SECRET = re.compile(r"(?i)(bearer\s+|client_assertion=|client_secret=|access_token\W+|sig=)[\w.~+/=-]+")


@contextmanager
def as_target_errors(what: str) -> Iterator[None]:
    """Raise what azure raises within as TargetError, with ``what`` was being done.

    Raises:
        TargetError: with ``retry_after_s`` where Azure says when to come back.
    """
    try:
        yield
    except HttpResponseError as error:
        if isinstance(error, ClientAuthenticationError) and error.response is None:
            raise _unauthenticated(what, error) from error
        raise target_error(what, refused(error), retry_after_s(error)) from error
    except CoreError as error:
        message = f"{what}: Azure did not answer: {_first_line(error)}"
        raise TargetError(message, hint=CHECK_NETWORK, reason=UNREACHABLE) from error


def is_unanswered(error: TargetError) -> bool:
    """Return whether Azure said nothing about what it was asked: not reached, broken or busy for now, or no login."""
    cause = error.__cause__
    if not isinstance(cause, CoreError):
        return False
    status = getattr(cause, "status_code", None)
    return status is None or status in (408, 429) or status >= 500


def target_error(what: str, refusal: Refusal, retry_after: float | None = None) -> TargetError:
    """Return the error of the target that stands for a refusal."""
    reason = REASONS.get(refusal.kind, refusal.reason) if refusal.kind else refusal.reason
    if retry_after is None and refusal.kind is None:
        retry_after = WAIT_S
    return TargetError(f"{what}: {refusal.message}", hint=refusal.hint, reason=reason, retry_after_s=retry_after)


def refused(error: HttpResponseError) -> Refusal:
    """Return what a refusal of Resource Manager means."""
    inner = error.error
    code, message = getattr(inner, "code", None), getattr(inner, "message", None)
    if not code:
        body = _body(error)
        wrapped = body.get("error")
        told = wrapped if isinstance(wrapped, dict) else body
        code, message = told.get("code"), told.get("message") or message
    return refusal_of(AzureError(str(code or ""), str(message or _first_line(error))), error.status_code)


def retry_after_s(error: HttpResponseError) -> float | None:
    """Return the seconds of the header Retry-After, None without one that is a number."""
    headers = getattr(error.response, "headers", None) or {}
    try:
        return max(float(headers.get("Retry-After", "")), 0.0)
    except ValueError:
        return None


def _unauthenticated(what: str, error: Exception) -> TargetError:
    hint = "see docs/aks.md, 'Identity': workload identity, managed identity or az login"
    return TargetError(f"{what}: no credentials for Azure: {_attempts(error)}", hint=hint, reason=REASONS["auth"])


def _attempts(error: Exception) -> str:
    """Return which credentials azure-identity tried and why each failed, in one line without what may be a secret."""
    _, _, tried = str(getattr(error, "message", None) or error).partition("Attempted credentials:")
    parts = [" ".join(part.split()) for part in re.split(r"\n\t(?=\w+Credential: )", tried.split("\nTo mitigate")[0])]
    # What follows is the answer as JSON, which says the same with figures that help nobody.
    parts = [part.partition(" Content: {")[0] for part in parts if part]
    short = [part if len(part) <= ATTEMPT else f"{part[:ATTEMPT]}..." for part in parts]
    return _SECRET.sub(r"\1***", "; ".join(short)) or _first_line(error)


def _body(error: HttpResponseError) -> dict[str, Any]:
    response: Any = error.response
    try:
        body = response.json() if response is not None else {}
    except (ValueError, AttributeError):
        return {}
    return body if isinstance(body, dict) else {}


def _first_line(error: Exception) -> str:
    """Return the beginning of a message without what may be a secret."""
    lines = str(getattr(error, "message", None) or error).strip().splitlines() or [type(error).__name__]
    return _SECRET.sub(r"\1***", lines[0])[:MOST]
