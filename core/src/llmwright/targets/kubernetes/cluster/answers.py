"""The bodies of an API server's answers. A connection that fails while one is read raises ApiError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmwright.targets.kubernetes.cluster.api_errors import unreachable

Object = dict[str, Any]
TOLD = 100
"""How many characters of an answer that is none an error shows."""


def body_of(response: Any, request: str, most: int | None = None) -> bytes:
    """Return the body, of a long one the first ``most`` bytes."""
    try:
        return bytes(response.read(most))
    except Exception as error:
        raise unreachable(request, error) from error


def json_object(body: bytes, request: str) -> Object:
    """Return the JSON object of a body. Anything else raises ApiError too: what answers so is no API server."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    text = " ".join(body[: 4 * TOLD].decode(errors="replace").split())
    raise unreachable(request, ValueError(f"what answers there is no API server, it says {text[:TOLD]!r}"))


def json_lines(response: Any, request: str) -> Iterator[Object]:
    """Yield the JSON object of each line."""
    for line in lines(response, request):
        if line.strip():
            yield json_object(line, request)


def lines(response: Any, request: str, *, last: bool = False) -> Iterator[bytes]:
    """Yield each line, with ``last`` also one without an end."""
    rest = b""
    while True:
        try:
            chunk = response.read1(65536) if hasattr(response, "read1") else response.read(65536)
        except Exception as error:
            raise unreachable(request, error) from error
        if not chunk:
            if rest and last:
                yield rest
            return
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
