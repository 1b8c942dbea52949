"""Plain YAML scalars by the core schema of YAML 1.2, where ``no``, ``on`` and ``y`` are text.

Where YAML 1.1 and 1.2 read a number differently (``010``, ``1_000``, ``1:20``), the text is kept. A field for a number
then refuses it, and no reader guesses.
"""

from __future__ import annotations

import math
import re

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_FIRST_OF_NUMBER = frozenset("-+.0123456789")
LONGEST_NUMBER = 19
"""Characters; a longer number stays text, for JSON readers would round it."""

_OTHER_IN_1_1 = re.compile(r"(?i:y|n|yes|no|on|off)\Z|[-+]?0[0-9_]+\Z|[-+]?[1-9][0-9]*_[0-9_]*\Z")

Scalar = str | int | float | bool | None


def plain_scalar(text: str) -> Scalar:
    """Return the value of ``text`` without quotes; a number that JSON cannot hold stays text."""
    if text in _NULL:
        return None
    if text[0] in _FIRST_OF_NUMBER:
        return _number(text)
    return _BOOL.get(text, text)


def _number(text: str) -> Scalar:
    if len(text) > LONGEST_NUMBER:
        return text
    if _INT.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text


def is_other_in_1_1(text: str) -> bool:
    """Whether YAML 1.1, and so kubectl, takes ``text`` without quotes for true, false or a number."""
    return len(text) <= LONGEST_NUMBER and _OTHER_IN_1_1.match(text) is not None
