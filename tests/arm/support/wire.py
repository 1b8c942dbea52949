"""Requests and answers as ARM has them, without sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """Return the path, decoded."""
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, str]:
        """Return the first value of each parameter."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Return the body as bytes of JSON; empty where there is none."""
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class ArmError(Exception):
    """A refusal as the SDK reads it.

    ARM itself wraps its errors in ``error``; the resource provider of AKS answers with the bare object (``bare``).
    """

    status: int
    code: str
    message: str
    target: str | None = None
    details: tuple[Json, ...] = ()
    bare: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def inner(self) -> Json:
        """Return code, message, target and details."""
        body: Json = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        if self.details:
            body["details"] = [*self.details]
        return body

    def answer(self) -> Answer:
        """Return the refusal as an answer."""
        body = {"details": None, **self.inner, "subcode": ""} if self.bare else {"error": self.inner}
        return Answer(self.status, body, self.headers)


class ConnectionBrokenError(Exception):
    """The connection broke. ``carried_out`` says whether the request had been carried out by then.

    Not ``connected``: it never came about, which is all that a client can be sure of.
    """

    def __init__(self, carried_out: bool, *, connected: bool = True) -> None:
        super().__init__("connection aborted" if connected else "connection refused")
        self.carried_out, self.connected = carried_out, connected


class Crashed(BaseException):
    """The process under test dies here. No ``except Exception`` of the SDK or of a driver sees it."""


def iso(moment: datetime) -> str:
    """Return ``moment`` as ARM writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
