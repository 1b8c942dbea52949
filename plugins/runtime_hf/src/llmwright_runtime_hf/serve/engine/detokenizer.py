"""From token ids to text that can be sent while generating: whole characters only."""

from __future__ import annotations

from collections.abc import Callable

_REPLACEMENT = "\ufffd"
_LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, and so the most tokens of one: bytes that are still none after them are none."""
_MOST_HELD = 64
"""Tokens after which the window is cut: else each further token would cost more."""


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
        final = len(text) - self._incomplete(text)
        new = text[self._sent : final]
        self._sent = max(self._sent, final)
        if new and final == len(text):
            self._slide()
        elif self._held > _MOST_HELD:
            self._cut(len(text) - self._sent)
        return new

    @property
    def _held(self) -> int:
        """The tokens since the last final piece."""
        return len(self._window) - self._read

    def _incomplete(self, text: str) -> int:
        """Return how many characters at the end may become another one."""
        replaced = len(text) - len(text.rstrip(_REPLACEMENT))
        if not replaced or self._held < _LONGEST_CHARACTER:
            return replaced
        # Some tokenizers write one U+FFFD for each byte, others one for all bytes of a character.
        return min(replaced, max(_LONGEST_CHARACTER - 1, len(text) - self._settled(text)))

    def _settled(self, text: str) -> int:
        """Return how many characters the window has at least, whichever of its last tokens begin another one.

        A tokenizer with byte fallback reads a run of bytes as a whole: a U+FFFD that the model wrote is one character,
        with the first byte of the next character it is four, and after the last byte of that it is one again.
        """
        return min(len(text), *(len(self._decode(self._window[:-last])) for last in range(1, _LONGEST_CHARACTER)))

    def finish(self) -> str:
        """Return the rest when no token follows: an incomplete character as U+FFFD."""
        return self._decode(self._window)[self._sent :]

    def _slide(self) -> None:
        """Drop the tokens before the last final piece. That piece stays: the text of the next token depends on it."""
        self._window = self._window[self._read :]
        self._read = len(self._window)
        self._sent = len(self._decode(self._window))

    def _cut(self, unsent: int) -> None:
        """Keep only the latest tokens, of which ``unsent`` characters at the end are not final."""
        self._window = self._window[-2 * _LONGEST_CHARACTER :]
        self._read = 0
        # Counted from the end: where the window begins within a character, its start decodes to something else.
        self._sent = max(0, len(self._decode(self._window)) - unsent)
