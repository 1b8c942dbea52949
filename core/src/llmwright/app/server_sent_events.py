"""Reading server-sent events, as the HTML standard defines them, from the bytes of a response."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_EVENT_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its type (``message`` where none is given) and its data lines."""

    kind: str
    lines: tuple[str, ...]

    @property
    def data(self) -> str:
        return "\n".join(self.lines)


class EventReader:
    """Reads events from the bytes of a response as they come.

    Its methods yield the events that have data. Bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: one event is longer than ``MAX_EVENT_CHARACTERS``.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that ``chunk`` completes."""
        for line in self._lines(chunk):
            yield from self._take(line)

    def close(self) -> Iterator[ServerSentEvent]:
        """Yield the last event. It needs no empty line after it: many servers close at once."""
        last = (self._rest + self._decoder.decode(b"", final=True)).removesuffix("\r")
        self._rest = ""
        for line in (last, "") if last else ("",):
            yield from self._take(line)

    def _lines(self, chunk: bytes) -> Iterator[str]:
        """Yield lines that end with CR, LF or CRLF; nothing else ends a line, and U+2028 is a character of the text."""
        text = self._rest + self._decoder.decode(chunk)
        # A CR at the end may be the first half of a CRLF: taken now, its LF would read as an empty line.
        ready, rest = (text[:-1], "\r") if text.endswith("\r") else (text, "")
        *lines, last = ready.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = ""
        yield from lines
        self._rest = last + rest
        if len(self._rest) > MAX_EVENT_CHARACTERS:
            raise _too_long()

    def _take(self, line: str) -> Iterator[ServerSentEvent]:
        name, _, value = line.partition(":")
        self._size += len(line)
        if self._size > MAX_EVENT_CHARACTERS:
            raise _too_long()
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._kind = value.removeprefix(" ")
        elif not line:
            kind, data = self._kind, self._data
            self._kind, self._data, self._size = "", [], 0
            if data:
                yield ServerSentEvent(kind or "message", tuple(data))


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Yield the events of a whole response; raises as ``EventReader``."""
    reader = EventReader()
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()


def _too_long() -> ValueError:
    return ValueError(f"one event is longer than {MAX_EVENT_CHARACTERS} characters")
