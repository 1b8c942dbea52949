"""Reading JSON within bounds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from llmwright.reading.files import MOST_BYTES, Unreadable, decoded, read_bytes

MAX_DEPTH = 100
MAX_VALUES = 1_000_000
MAX_DIGITS = 40
"""Digits of a whole number: tokenizers write 10^30 for a limit that they do not have."""

_LONG_NUMBER = re.compile(f"[0-9]{{{MAX_DIGITS + 1}}}")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(content: bytes | str, most: int = MOST_BYTES) -> Any:
    """Return the value of a JSON text of at most ``most`` bytes or characters; ``NaN`` and ``Infinity`` are numbers.

    Raises:
        Unreadable: bad syntax or encoding, too large, too deep, a number too long, half of a character.
    """
    if len(content) > most:
        raise Unreadable(f"is larger than {most:,} bytes")
    text = decoded(content) if isinstance(content, bytes) else content
    try:
        value = json.loads(text, parse_int=_whole_number if _LONG_NUMBER.search(text) else None)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    if _needs_a_walk(text):
        _walk(value, whole_characters=_HALF_CHARACTER.search(text) is None)
    return value


def read_json_file(path: Path, most: int = MOST_BYTES) -> Any:
    """Return the value of a JSON file; raises FileNotFoundError, and Unreadable as ``read_json`` and ``read_bytes``."""
    return read_json(read_bytes(path, most), most)


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Unreadable(f"holds a number of {len(digits):,} digits")
    return int(digits)


def _needs_a_walk(text: str) -> bool:
    """Whether depth, values or characters can be out of bounds: a look at the text is much cheaper than the walk."""
    deep = text.count("[") + text.count("{") > MAX_DEPTH
    return deep or len(text) > 2 * MAX_VALUES or _HALF_CHARACTER.search(text) is not None or not _encodable(text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(root: Any, *, whole_characters: bool) -> None:
    values, level = 0, [root]
    for _ in range(MAX_DEPTH + 1):
        values += len(level)
        if values > MAX_VALUES:
            raise Unreadable(f"holds more than {MAX_VALUES:,} values")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
                if not whole_characters:
                    below += value.keys()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not (whole_characters or _encodable(value)):
                raise Unreadable("holds half of a character (an unpaired surrogate)")
        if not below:
            return
        level = below
    raise _too_deep()


def _too_deep() -> Unreadable:
    return Unreadable(f"is nested more than {MAX_DEPTH} levels deep")
