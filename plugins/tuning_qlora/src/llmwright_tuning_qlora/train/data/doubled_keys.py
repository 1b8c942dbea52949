"""JSON whose objects may name a key twice: which key, and in which row. Python takes the last value in silence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DoubledKey:
    """Stands in the place of an object that names ``key`` twice."""

    key: str


def read_json_text(text: str) -> tuple[Any, str]:
    """Return the value of ``text``, and the first key that one of its objects names twice; empty without one.

    In the value a ``DoubledKey`` stands in the place of each such object.

    Raises:
        ValueError: it is not JSON, or has a number of too many digits.
        RecursionError: it is nested too deep.
    """
    doubled: list[str] = []

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | DoubledKey:
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                break
            seen.add(key)
        doubled.append(key)
        return DoubledKey(key)

    value = json.loads(text, object_pairs_hook=read_object)
    return value, doubled[0] if doubled else ""


def doubled_key(value: Any) -> str:
    """Return a key that an object in ``value`` names twice; empty without one."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, DoubledKey):
            return item.key
        if isinstance(item, dict | list):
            rest += item.values() if isinstance(item, dict) else item
    return ""
