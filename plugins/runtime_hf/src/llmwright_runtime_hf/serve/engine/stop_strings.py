"""Stop strings: found although they come in pieces, and never sent, not even in part."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Cut text before the first stop string, or after it with ``keep``.

    An end of the text that may become a stop string is held back until it is clear whether it does.
    """

    def __init__(self, stops: Sequence[str], *, keep: bool = False) -> None:
        self._stops = tuple(stops)
        self._keep = keep
        self._held = ""
        self.found = ""
        """The stop string that was found."""
        self.after = ""
        """The text after the stop string that was found."""

    def push(self, text: str) -> tuple[str, bool]:
        """Return (text that may be sent, whether a stop string was found). Without ``keep`` it is never sent."""
        if not self._stops:
            return text, False
        self._held += text
        matches = [(position, stop) for stop in self._stops if (position := self._held.find(stop)) >= 0]
        if matches:
            position, stop = min(matches, key=lambda match: match[0])
            self.found, self.after = stop, self._held[position + len(stop) :]
            return self._held[: position + (len(stop) if self._keep else 0)], True
        cut = len(self._held) - self._possible_stop_length()
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready, False

    def finish(self) -> str:
        """Return the text that was held back, when no text follows."""
        held, self._held = self._held, ""
        return held

    def _possible_stop_length(self) -> int:
        """Return the length of the longest end of the held text that is the start of a stop string."""
        longest = min(len(self._held), max(map(len, self._stops)) - 1)
        for length in range(longest, 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0
