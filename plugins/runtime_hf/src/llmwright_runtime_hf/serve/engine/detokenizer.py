"""From token ids to text that can be sent while generating: whole characters only."""

from __future__ import annotations

from collections.abc import Callable

_REPLACEMENT = "\ufffd"
_MOST_HELD = 64
"""Tokens after which bytes that are still no character are sent as U+FFFD: else each token would cost more."""


class Detokenizer:
    """Turn a growing list of tokens into text, piece by piece.

    A token may hold only a part of a character, and its text may depend on the token before it (leading spaces). So
    each new token is decoded together with a window of the latest ones, and only new, final text is returned.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._read = 0
        self._sent = 0

    def push(self, token: int) -> str:
        """Return the text that is final with this token; empty while a character is incomplete."""
        self._window.append(token)
        text = self._decode(self._window)
        held = len(self._window) - self._read
        final = text.rstrip(_REPLACEMENT) if held < _MOST_HELD else text
        new = final[self._sent :]
        self._sent = max(self._sent, len(final))
        if new and len(final) == len(text):
            self._slide()
        return new

    def finish(self) -> str:
        """Return the rest when no token follows: an incomplete character as U+FFFD."""
        return self._decode(self._window)[self._sent :]

    def _slide(self) -> None:
        """Drop the tokens before the last final piece. That piece stays: the text of the next token depends on it."""
        self._window = self._window[self._read :]
        self._read = len(self._window)
        self._sent = len(self._decode(self._window))
