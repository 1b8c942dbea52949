"""Blanks between the parts of a call."""

from __future__ import annotations

import re

_BLANKS = re.compile(r"\s*+")


def after_blanks(text: str, place: int) -> int:
    """Return the first place from ``place`` on that is no blank; the length of ``text`` where all are."""
    blanks = _BLANKS.match(text, place)
    assert blanks is not None
    return blanks.end()
