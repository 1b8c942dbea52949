"""Calls in the text of an answer: found while it streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings
from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall

Piece = str | ToolCall
"""A part of an answer: text, or a call."""
_NONE: Mapping[str, Any] = {}


class CallReader:
    """Take the calls out of an answer that comes piece by piece. What is no call stays text.

    ``parameters`` are those of the tools: some formats write no types.
    """

    def __init__(self, parser: str, parameters: Parameters = _NONE) -> None:
        self._format = FORMATS[parser]
        self._parameters = parameters
        self._bare = self._format.bare
        """Whether the answer may still be a call as a whole."""
        self._before = StopStrings([self._format.begin])
        self._text = ""
        self._block: str | None = None
        self._blanks: str | None = ""
        """Blanks at the beginning of the answer, which are no content where a call follows; None once text is there."""

    def push(self, text: str) -> list[Piece]:
        """Return what is final with ``text``."""
        pieces = list[Piece]()
        rest: str | None = text
        # No recursion: an answer that goes round in circles has thousands of calls.
        while rest is not None:
            more, rest = self._read(rest)
            pieces += more
        return pieces

    def finish(self) -> list[Piece]:
        """Return the rest, when no text follows."""
        if self._block is not None:
            return self._pieces(self._block)
        if self._bare and self._text.lstrip().startswith("{"):
            calls = self._calls(self._text)
            return [*calls] if calls else [self._text]
        ready, _ = self._before.push(self._text)
        return [*filter(None, [(self._blanks or "") + ready + self._before.finish()])]

    def _read(self, text: str) -> tuple[list[Piece], str | None]:
        """Return what is final with ``text`` up to where a block begins or ends, and the rest to be read."""
        if self._block is not None:
            return self._closed_block(text)
        self._text += text
        if self._bare and self._text.lstrip()[:1] in ("", "{"):
            # The whole answer is a call, or text that looks like one: the end decides.
            return [], None
        # From here on it is not, wherever its pieces begin.
        self._bare = False
        return self._free_text()

    def _free_text(self) -> tuple[list[Piece], str | None]:
        text, self._text = self._text, ""
        ready, begins = self._before.push(text)
        if self._blanks is not None:
            ready, self._blanks = self._blanks + ready, None
            if not (begins or ready.strip()):
                ready, self._blanks = "", ready
        if not begins:
            return [ready] if ready else [], None
        held = self._before.after
        self._before = StopStrings([self._format.begin])
        self._block = ""
        return [ready] if ready.strip() else [], held

    def _closed_block(self, text: str) -> tuple[list[Piece], str | None]:
        assert self._block is not None
        end = self._format.end
        # The end may have begun in the piece before; what lies further back was looked at.
        start = max(len(self._block) - len(end), 0)
        self._block += text
        place = self._block.find(end, start) if end else -1
        if place < 0:
            return [], None
        block, rest = self._block[:place], self._block[place + len(end) :]
        self._block = None
        return self._pieces(block, end), rest.lstrip("\n")

    def _calls(self, text: str) -> list[ToolCall]:
        return self._format.calls.read(text, self._parameters)

    def _pieces(self, block: str, end: str = "") -> list[Piece]:
        calls = self._calls(block)
        return [*calls] if calls else [f"{self._format.begin}{block}{end}"]
