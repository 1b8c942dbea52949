"""Names that stand twice in one JSON object. A reader keeps one of the two values, and says nothing of the other.

RFC 8259 (section 4) calls what software makes of such an object unpredictable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DoubledName:
    """Stands in the place of an object in which ``name`` stands twice."""

    name: str


def parse_names(text: bytes | str) -> tuple[Any, bool]:
    """Return the value of ``text``, and whether a ``DoubledName`` stands in it anywhere.

    Raises:
        ValueError: it is not JSON, or has a number of too many digits.
        RecursionError: it is nested too deep.
    """
    doubled = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | DoubledName:
        nonlocal doubled
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        doubled = True
        return DoubledName(_first_again(name for name, _ in pairs))

    return json.loads(text, object_pairs_hook=members), doubled


def doubled_path(value: Any) -> str | None:
    """Return the path of the first ``DoubledName`` in ``value`` (``messages.0.content``), None without one."""
    if isinstance(value, DoubledName):
        return value.name
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        path = doubled_path(below)
        if path is not None:
            return f"{name}.{path}"
    return None


def doubled_name(text: bytes | str) -> str | None:
    """Return the path of a name that stands twice in one object, None where none does; raises as ``parse_names``."""
    value, doubled = parse_names(text)
    return doubled_path(value) if doubled else None


def _first_again(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("no name stands twice")
