"""YAML paths: ``tuning.input.urls[0]``, ``metadata.annotations["kaito.sh/runtime"]``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,9})\]|\[(\"(?:[^\"\\]|\\.)*\")\]")


def render_path(parts: Iterable[str | int]) -> str:
    """Write ``("a", 0, "b/c")`` as ``a[0]["b/c"]``."""
    return "".join(_render(part) for part in parts).removeprefix(".")


def _render(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _BARE.match(part) else f"[{json.dumps(part, ensure_ascii=False)}]"


def split_path(path: str) -> Path:
    """Split a path that ``render_path`` made into its parts; of any other text a part is taken as it stands."""
    return tuple(_part(*match) for match in _PART.findall(path))


def _part(name: str, index: str, quoted: str) -> str | int:
    if not quoted:
        return int(index) if index else name
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]
