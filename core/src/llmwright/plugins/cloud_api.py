"""Calls of a cloud's JSON API, whose refusals the core understands: for authors of provisioners."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import IO, Any

from llmwright.errors import TargetError
from llmwright.reading.files import MOST_BYTES
from llmwright.reading.json_reader import read_json

__all__ = ["CloudApi"]

_REASONS = {
    400: "InvalidRequest",
    401: "AuthorizationFailed",
    402: "QuotaExceeded",
    403: "AuthorizationFailed",
    422: "InvalidRequest",
}
_MOST_WORDS = 500


@dataclass(frozen=True, slots=True)
class CloudApi:
    """A JSON API at ``endpoint``.

    The token is read from the variable ``token_variable`` for each call, sent as a bearer token, and stands in no
    message. ``reasons`` are those of a ``TargetError`` by status, beside 400, 401, 402, 403 and 422. ``most`` bytes of
    an answer are read.
    """

    endpoint: str
    token_variable: str = ""
    reasons: Mapping[int, str] = field(default_factory=dict)
    timeout_s: float = 30
    most: int = MOST_BYTES

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON value of an answer; None for an empty one, and for a DELETE of what is gone (404).

        Raises:
            TargetError: the cloud refused, with the reason of the status and its ``Retry-After``, or did not answer.
        """
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.token_variable:
            headers["authorization"] = f"Bearer {os.environ.get(self.token_variable, '')}"
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self.endpoint.rstrip("/") + path, data, headers, method=method)  # noqa: S310
            with _OPENER.open(request, timeout=self.timeout_s) as answer:
                return read_json(answer.read(self.most + 1) or "null", self.most)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 and method == "DELETE":
                    return None
                raise self._refusal(f"{method} {path}", error) from error
        except (OSError, ValueError, HTTPException) as error:
            raise TargetError(f"{self.endpoint} does not answer: {error}", reason="CloudUnreachable") from error

    def _refusal(self, call: str, error: urllib.error.HTTPError) -> TargetError:
        words = error.read(_MOST_WORDS).decode(errors="replace")
        later = error.headers.get("retry-after", "")
        return TargetError(
            f"{call} was answered {error.code}: {words}",
            reason={**_REASONS, **self.reasons}.get(error.code, "CloudFailed"),
            retry_after_s=float(later) if later.isdecimal() else None,
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the token would go along to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message[str, str], newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
