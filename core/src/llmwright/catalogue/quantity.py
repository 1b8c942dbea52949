"""Amounts of bytes: reading and writing them with units."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)(?:(?P<binary>[KMGTPE])i|(?P<decimal>[kMGTPE])|B)?B?")
SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": f"^{re.sub('[?]P<[a-z]+>', '', _QUANTITY.pattern)}$"},
    ]
}
"""The JSON schema of an amount of bytes: of what ``parse_bytes`` takes."""
_POWERS = {letter: power for power, letter in enumerate("KMGTPE", start=1)} | {"k": 1}


def parse_bytes(text: str | int) -> int:
    """Return the bytes of ``7.12Gi``, ``8GB``, ``8G``, ``512Mi`` or a plain number, rounded up to whole bytes.

    Suffixes and rounding are those of Kubernetes quantities; ``GB`` and ``GiB`` are read as ``G`` and ``Gi``.

    Raises:
        ValueError: any other text, or a negative amount.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if match is None or isinstance(text, bool):
        raise ValueError(f"{text!r} is not an amount of bytes such as 16Gi")
    binary, decimal = match["binary"], match["decimal"]
    unit = 1024 ** _POWERS[binary] if binary else 1000 ** _POWERS[decimal] if decimal else 1
    return math.ceil(Decimal(match["number"]) * unit)


def format_bytes(count: int) -> str:
    """Write ``count`` in the largest binary unit in which it is at least 1: ``7.1 GiB``."""
    size, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while abs(size) >= 1024 and unit != "TiB":
        size, unit = size / 1024, next(units)
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
