"""JSON that every client can read, whatever characters a model, a request or a file brings."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse

# Valid in JSON, and ends of lines to many readers of streams (JavaScript before ES2019, Python's splitlines).
_LINE_ENDS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


def json_bytes(content: object) -> bytes:
    """Return ``content`` as JSON in one line of UTF-8; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_LINE_ENDS)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class SafeJsonResponse(JSONResponse):
    """A JSON response by ``json_bytes``."""

    def render(self, content: Any) -> bytes:
        return json_bytes(content)
