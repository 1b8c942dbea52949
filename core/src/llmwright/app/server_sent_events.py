"""Reading server-sent events, as the HTML standard defines them, from the bytes of a response."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

MAX_EVENT_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its type (``message`` where none is given) and its data lines."""

    kind: str
    lines: tuple[str, ...]

    @property
    def data(self) -> str:
        return "\n".join(self.lines)


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Yield the events that have data.

    The last one needs no empty line after it: many servers close at once. Bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: one event is longer than ``MAX_EVENT_CHARACTERS``.
    """
    kind = ""
    data: list[str] = []
    size = 0
    for line in chain(_lines(chunks), ("",)):
        name, _, value = line.partition(":")
        size += len(line)
        if size > MAX_EVENT_CHARACTERS:
            raise ValueError(f"one event is longer than {MAX_EVENT_CHARACTERS} characters")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            kind = value.removeprefix(" ")
        elif not line:
            if data:
                yield ServerSentEvent(kind or "message", tuple(data))
            kind, data, size = "", [], 0


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield lines that end with CR, LF or CRLF; nothing else ends a line, and U+2028 is a character of the text."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for chunk in chunks:
        text = rest + decoder.decode(chunk)
        # A CR at the end may be the first half of a CRLF: taken now, its LF would read as an empty line.
        ready, rest = (text[:-1], "\r") if text.endswith("\r") else (text, "")
        *lines, last = ready.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from lines
        rest = last + rest
        if len(rest) > MAX_EVENT_CHARACTERS:
            raise ValueError(f"one event is longer than {MAX_EVENT_CHARACTERS} characters")
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest.removesuffix("\r")
