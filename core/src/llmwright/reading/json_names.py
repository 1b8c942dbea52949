"""Names that stand twice in one JSON object. A reader keeps one of the two values, and says nothing of the other.

RFC 8259 (section 4) calls what software makes of such an object unpredictable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_Doubled = Mapping[int, tuple[object, str]]
"""By the identity of an object: the object, and its first name that stands twice."""


def doubled_name(text: bytes | str) -> str | None:
    """Return the path of a name that stands twice in one object (``messages.0.content``), None where none does.

    ``text`` is JSON that was read before, and so neither damaged nor too deep.
    """
    doubled: dict[int, tuple[object, str]] = {}

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            # The object too: Python would give the identity of one that is dropped to another.
            doubled[id(value)] = value, _first_again(name for name, _ in pairs)
        return value

    root = json.loads(text, object_pairs_hook=members)
    return _path(root, doubled) if doubled else None


def _first_again(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("no name stands twice")


def _path(value: object, doubled: _Doubled) -> str | None:
    if isinstance(value, dict) and id(value) in doubled:
        return doubled[id(value)][1]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        path = _path(below, doubled)
        if path is not None:
            return f"{name}.{path}"
    return None
