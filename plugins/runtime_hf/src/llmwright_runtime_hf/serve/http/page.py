"""The page at ``/``: one file without any other resource. It asks the same routes as every client."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

PATH = "/"


def add_page(app: FastAPI) -> None:
    """Add the page. It holds no name and no secret, so it needs no key: it asks for one where the server does."""

    @app.api_route(PATH, methods=["GET", "HEAD"])
    async def page() -> HTMLResponse:
        return HTMLResponse(page_text(), headers=page_headers())


@cache
def page_text() -> str:
    """Return the page."""
    return (files("llmwright_runtime_hf.serve.http") / "page.html").read_text(encoding="utf-8")


@cache
def page_headers() -> dict[str, str]:
    """Return its headers: its own script and style run and nothing else, and no other server is asked."""
    policy = {
        "default-src": "'none'",
        "script-src": _digest("script"),
        "style-src": _digest("style"),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _digest(element: str) -> str:
    """Return the source expression that allows what stands in ``element``."""
    content = re.search(f"<{element}>(.*?)</{element}>", page_text(), re.DOTALL)
    assert content is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()}'"
