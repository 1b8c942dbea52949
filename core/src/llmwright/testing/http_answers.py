"""Requests to a server that a law started, and what came back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Answer:
    """Status, content type and body of an answer."""

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def events(self) -> list[str]:
        """The data of each server-sent event."""
        lines = self.body.decode().splitlines()
        return [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]


@dataclass(frozen=True)
class Client:
    """Asks the server at ``host`` and ``port``, with ``key`` where there is one."""

    host: str
    port: int
    key: str = ""

    def get(self, path: str, patience_s: float = PATIENCE_S) -> Answer:
        """Ask for ``path``.

        Raises:
            OSError: no answer.
        """
        return self._ask("GET", path, None, patience_s)

    def post(self, path: str, body: Any) -> Answer:
        """Send ``body``: bytes as they are, anything else as JSON.

        Raises:
            OSError: no answer.
        """
        return self._ask("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), PATIENCE_S)

    def is_healthy(self) -> bool:
        """Return whether ``/health`` answers 200."""
        try:
            return self.get("/health", 5).status == 200
        except OSError:
            return False

    def on_one_connection(self, refused: Any, key: str, path: str) -> Answer:
        """Send ``refused`` with ``key`` as a conversation, then ask for ``path``; return that answer.

        Raises:
            OSError: no answer.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(refused), headers)
            connection.getresponse().read()
            connection.request("GET", path)
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("content-type", ""), response.read())
        except http.client.HTTPException as error:
            raise OSError(f"GET {path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def half_a_request(self) -> http.client.HTTPConnection:
        """Return a connection on which a request has begun whose body never comes."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        connection.putrequest("POST", "/v1/chat/completions")
        for name, value in {**self._headers(), "content-length": "1000"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(b"{")
        return connection

    def lines(self, path: str, body: Any) -> Iterator[bytes]:
        """Yield the lines of an answer as they come."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", path, json.dumps(body), self._headers())
            with connection.getresponse() as response:
                yield from iter(response.readline, b"")
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, patience_s: float) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=patience_s)
        try:
            connection.request(method, path, body, self._headers())
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("content-type", ""), response.read())
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _headers(self) -> Mapping[str, str]:
        key = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return {"content-type": "application/json", **key}
