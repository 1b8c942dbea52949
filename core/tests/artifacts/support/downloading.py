"""Downloads from the sites of tests, and servers that break off."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.download import DownloadedFile, download
from llmwright.errors import LLMwrightError

LOOPBACK = SourceRules(("127.0.0.1",))


ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))


BODY = bytes(range(256)) * 2000


def get(url: str, to: Path, **more: Any) -> DownloadedFile:
    more.setdefault("sources", LOOPBACK)
    return download(url, to, sleep=lambda seconds: None, **more)


def refusal(url: str, to: Path, **more: Any) -> LLMwrightError:
    with pytest.raises(LLMwrightError) as caught:
        get(url, to, **more)
    assert list(to.glob("*")) == []
    assert list(to.glob(".*")) == []
    return caught.value


def breaks_off_after(count: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers that announce the whole body and hang up early; later requests are served, by range where asked."""
    asked: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers.get("Range"))
        start = 0
        if asked[-1] and request.headers.get("If-Range") == headers.get("ETag"):
            start = int(asked[-1].removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body[start : start + count] if len(asked) == 1 else body[start:])
        request.close_connection = True

    return answer
