"""What a process tells of its progress, on the port that its pod names."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def told(port: int | str) -> dict[str, Any] | None:
    """Return the event that is told now; None where nothing listens, or there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/progress", timeout=5) as answer:
            event: dict[str, Any] = json.load(answer)
            return event
    except OSError:
        return None
