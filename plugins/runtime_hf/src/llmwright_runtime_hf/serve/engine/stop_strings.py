"""From token ids to text that can be sent while generating: whole characters only, and never a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REPLACEMENT = "\ufffd"


class Detokenizer:
    """Turns a growing list of tokens into text, piece by piece.

    A token may hold a part of a character, and how it is written may depend on the one before it (leading spaces). So a
    window of the latest tokens is decoded again with each new one, and only what is new and settled is handed out.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._read = 0
        self._sent = 0

    def push(self, token: int) -> str:
        """Return the text that this token settles; empty while a character is incomplete."""
        self._window.append(token)
        text = self._decode(self._window)
        settled = text.rstrip(_REPLACEMENT)
        fresh = settled[self._sent :]
        self._sent = max(self._sent, len(settled))
        if fresh and len(settled) == len(text):
            self._slide()
        return fresh

    def finish(self) -> str:
        """Return what is left when no token follows: an incomplete character as U+FFFD."""
        return self._decode(self._window)[self._sent :]

    def _slide(self) -> None:
        """Drop the tokens before the last settled piece; that piece stays, as what the next one is read after."""
        self._window = self._window[self._read :]
        self._read = len(self._window)
        self._sent = len(self._decode(self._window))


class StopStrings:
    """Cuts text at the first stop string, holding back any end that may yet become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Return (text that may be sent, whether a stop string was met). The stop string itself is never sent."""
        if not self._stops:
            return text, False
        self._held += text
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            return self._held[: min(found)], True
        cut = len(self._held) - self._possible_start()
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready, False

    def finish(self) -> str:
        """Return what was held back, now that nothing follows which could complete a stop string."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self) -> int:
        """Length of the longest end of the held text that some stop string starts with."""
        longest = min(len(self._held), max(map(len, self._stops)) - 1)
        for length in range(longest, 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0
