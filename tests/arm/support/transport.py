"""The real SDK on a ``Cloud`` in the same process: a transport of azure-core without sockets, and a credential."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, MutableMapping
from http import HTTPStatus
from types import TracebackType
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.core.utils import case_insensitive_dict
from tests.arm.support.cloud import Cloud
from tests.arm.support.wire import Answer, ConnectionBrokenError, Request

EARLY_S = 300
"""A credential renews its token this long before its end, as azure-identity does."""


class CloudCredential:
    """A credential of the cloud's tenant. It renews by the cloud's clock, unless ``stale``; ``renewals`` counts."""

    def __init__(self, cloud: Cloud, *, stale: bool = False) -> None:
        self.cloud, self._stale = cloud, stale
        self._token: tuple[str, Any] | None = None
        self.renewals = 0

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """Return the current token, or a new one. The SDK asks before each request."""
        now = self.cloud.now()
        late = self._token is None or (self._token[1] - now).total_seconds() < EARLY_S
        if self._token is None or claims or (late and not self._stale):
            self._token = self.cloud.tokens.issue(now)
            self.renewals += 1
        # A token that ends now is not kept by the SDK, whose clock is this machine's.
        return AccessToken(self._token[0], int(time.time()))


class CloudResponse(HttpResponse):
    """An answer of the cloud as azure-core's pipeline reads it."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        self._request, self._answer, self._content = request, answer, answer.content
        shown = {"Content-Type": "application/json", "Content-Length": str(len(self._content))}
        self._headers: MutableMapping[str, str] = case_insensitive_dict({**shown, **answer.headers})

    @property
    def request(self) -> HttpRequest:
        """Return the request that was answered."""
        return self._request

    @property
    def status_code(self) -> int:
        """Return the status."""
        return self._answer.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Return the headers; case does not matter."""
        return self._headers

    @property
    def reason(self) -> str:
        """Return the words of the status."""
        return HTTPStatus(self._answer.status).phrase

    @property
    def content_type(self) -> str | None:
        """Return the type of the body."""
        return "application/json"

    @property
    def is_closed(self) -> bool:
        """Return True: there is no connection."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """Return True: the body is there."""
        return True

    @property
    def encoding(self) -> str | None:
        """Return the encoding of the body."""
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        """Accept what the pipeline sets; the body is UTF-8 in any case."""

    @property
    def url(self) -> str:
        """Return the address that was asked."""
        return str(self._request.url)

    @property
    def content(self) -> bytes:
        """Return the body."""
        return self._content

    def text(self, encoding: str | None = None) -> str:
        """Return the body as text."""
        return self._content.decode()

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self._content)

    def raise_for_status(self) -> None:
        """Raise HttpResponseError for a status from 400 on."""
        if self.status_code >= 400:
            raise HttpResponseError(response=self)

    def read(self) -> bytes:
        """Return the body."""
        return self._content

    def iter_raw(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content

    def iter_bytes(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def __enter__(self) -> CloudResponse:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is no connection."""


class CloudTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Carries requests to ``cloud``, which may be changed for another. Waits of the SDK pass on its clock."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Return the cloud's answer; broken connections raise as azure-core's own transports do."""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        content = getattr(request, "content", None) or b""
        body = content.encode() if isinstance(content, str) else content
        try:
            return CloudResponse(request, self.cloud.handle(Request(request.method, request.url, headers, body)))
        except ConnectionBrokenError as error:
            kind = ServiceResponseError if error.connected else ServiceRequestError
            raise kind(str(error), error=error) from error

    def sleep(self, duration: float) -> None:
        """Let that much time of the cloud pass."""
        self.cloud.clock.sleep(duration)

    def open(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def __enter__(self) -> CloudTransport:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Do nothing: there is no connection."""
