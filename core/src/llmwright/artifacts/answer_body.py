"""The body of an answer: unpacked where it came packed, and never more of it than the caller accepts."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from llmwright.artifacts.artifact_errors import TransientAnswer, too_large
from llmwright.errors import ConfigError, LLMwrightError
from llmwright.reading.json_reader import read_json

BLOCK_BYTES = 1024**2
LARGEST_DOCUMENT_BYTES = 1024**2
_MOST_CODINGS = 3
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def content_codings(response: httpx.Response) -> tuple[str, ...]:
    """Return the codings of the body, in the order in which they were applied (RFC 9110, 8.4)."""
    named = (coding.strip().lower() for coding in response.headers.get("content-encoding", "").split(","))
    return tuple(coding for coding in named if coding not in ("", "identity"))


def blocks(response: httpx.Response, limit: int, what: str) -> Iterator[bytes]:
    """Yield the unpacked body in blocks. The limit holds for it and for each coding on the way.

    Raises ConfigError: TooLarge, UnknownCoding; TransientAnswer where it cannot be unpacked; httpx.RequestError.
    """
    codings = content_codings(response)
    if len(codings) > _MOST_CODINGS or not all(coding in _WINDOW_BITS for coding in codings):
        shown = ", ".join(codings)[:80]
        raise ConfigError(f"{what} is packed as {shown!r}, which cannot be read", reason="UnknownCoding")
    body: Iterable[bytes] = response.iter_raw()
    for coding in reversed(codings):
        body = _inflated(_within(body, limit, what), coding)
    return _within(body, limit, what)


def read(response: httpx.Response, limit: int, what: str) -> bytes:
    """Return the whole unpacked body. Raises as ``blocks``."""
    return b"".join(blocks(response, limit, what))


def read_object(response: httpx.Response, what: str, limit: int = LARGEST_DOCUMENT_BYTES) -> dict[str, Any]:
    """Return the JSON object in the body. Raises ValueError where it holds none; otherwise as ``blocks``."""
    try:
        document = read_json(read(response, limit, what), limit)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document


def stated_reason(response: httpx.Response) -> str:
    """Return the reason in a registry's or token service's refusal, shortened, as one line; empty without one.

    ``errors`` of the distribution specification, ``details`` of Docker Hub, ``error_description`` of OAuth 2.
    """
    try:
        answer = read_object(response, "the reason")
        errors = answer.get("errors") or [{"message": answer.get("details") or answer.get("error_description") or ""}]
        reasons = "; ".join(str(error.get("message") or error.get("code") or "") for error in errors)
    except (ValueError, TypeError, AttributeError, httpx.RequestError, LLMwrightError, TransientAnswer):
        return ""
    line = "".join(char if char.isprintable() else " " for char in reasons)[:200]
    return f" ({line})" if line else ""


def _within(body: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    size = 0
    for block in body:
        size += len(block)
        if size > limit:
            raise too_large(what, limit)
        yield block


def _inflated(body: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Unpack member after member, a block at a time, whatever size the packed bytes unfold to."""
    unpacker = None
    try:
        for block in body:
            pending = block
            while pending:
                if unpacker is None or unpacker.eof:
                    unpacker = zlib.decompressobj(_window_bits(coding, pending))
                yield unpacker.decompress(pending, BLOCK_BYTES)
                # Zeros after the last member are padding, as gzip itself has it.
                pending = unpacker.unconsumed_tail or unpacker.unused_data.lstrip(b"\0")
        if unpacker is not None:
            yield unpacker.flush()
    except zlib.error as error:
        raise TransientAnswer(f"what came is no {coding}") from error
    if unpacker is not None and not unpacker.eof:
        raise TransientAnswer("what came breaks off")


def _window_bits(coding: str, start: bytes) -> int:
    """Return zlib's window bits; ``deflate`` comes with zlib's header or, from some servers, without (RFC 1950)."""
    bare = coding == "deflate" and (start[0] & 0x0F != 8 or int.from_bytes(start[:2].ljust(2), "big") % 31 != 0)
    return -15 if bare else _WINDOW_BITS[coding]
