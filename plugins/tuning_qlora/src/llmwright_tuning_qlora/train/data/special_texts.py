"""Where special tokens stand in a text that a chat template wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable


class SpecialTexts:
    """The texts of a tokenizer's special tokens, such as ``<|im_end|>``."""

    def __init__(self, texts: Iterable[str]) -> None:
        # The longest first: of two tokens that begin alike a tokenizer takes the longer one.
        known = sorted({text for text in texts if text}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known)) if known else r"(?!)")
        self._longest = len(known[0]) if known else 0

    def boundary(self, text: str, position: int) -> int:
        """Return ``position``, or where the token begins in whose text it lies: half a token is another text."""
        for match in self._pattern.finditer(text, max(0, position - self._longest)):
            if match.start() < position < match.end():
                return match.start()
        return position

    def end_of_first(self, text: str, start: int) -> int | None:
        """Return where the first token from ``start`` on ends; None without one."""
        match = self._pattern.search(text, start)
        return match.end() if match else None

    def end_of_next(self, text: str, start: int) -> int | None:
        """Return where the token ends that comes next after blanks from ``start`` on; None before any other text."""
        match = self._pattern.match(text, _after_blanks(text, start, len(text)))
        return match.end() if match else None

    def has_last(self, text: str, start: int, stop: int) -> bool:
        """Whether nothing but blanks follows the last token in ``text[start:stop]``."""
        ends = [match.end() for match in self._pattern.finditer(text, start, stop)]
        return bool(ends) and not text[ends[-1] : stop].strip()

    def holds_last(self, text: str, part: str) -> bool:
        """Whether the last token in ``text`` stands in ``part`` too."""
        last = [match[0] for match in self._pattern.finditer(text)][-1:]
        return bool(last) and last[0] in part

    def last_outside(self, part: str, text: str, start: int, stop: int) -> int | None:
        """Return where ``part`` stands last in ``text[start:stop]``, outside of tokens' texts; None without a place."""
        position = text.rfind(part, start, stop)
        while position >= 0 and self.boundary(text, position) != position:
            position = text.rfind(part, start, position + len(part) - 1)
        return position if position >= 0 else None


def shared_start(one: str, other: str) -> int:
    """Return the length of the common start of two texts."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def most_alike(part: str, text: str, near: int, reach: int = 200) -> int:
    """Return the place in ``text``, at most ``reach`` characters from ``near``, that begins most like ``part``."""
    places = range(max(0, near - reach), min(len(text), near + reach) + 1)
    return max(places, key=lambda place: shared_start(part, text[place : place + len(part)]))


def shared_end(one: str, other: str) -> int:
    """Return the length of the common end of two texts."""
    return shared_start(one[::-1], other[::-1])


def _after_blanks(text: str, start: int, stop: int) -> int:
    return start + len(text[start:stop]) - len(text[start:stop].lstrip())
