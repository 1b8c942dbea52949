"""YAML paths: ``tuning.input.urls[0]``, ``metadata.annotations["kaito.sh/runtime"]``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]")


def render_path(parts: Iterable[str | int]) -> str:
    """Write ``("a", 0, "b/c")`` as ``a[0]["b/c"]``."""
    return "".join(_render(part) for part in parts).removeprefix(".")


def _render(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _BARE.match(part) else f"[{json.dumps(part, ensure_ascii=False)}]"


def split_path(path: str) -> Path:
    """Split a path that ``render_path`` made into its parts."""
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else name for name, index, quoted in _PART.findall(path)
    )
