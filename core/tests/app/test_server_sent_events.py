"""Events are read as browsers read them, whatever the network cuts."""

from __future__ import annotations

import pytest

from llmwright.app import server_sent_events
from llmwright.app.server_sent_events import read_events

STREAM = (
    ": a comment\r\nretry: 5\r\nevent: ping\r\ndata\r\n\r\n"
    "data:no blank\n\ndata:  two blanks\n\n"
    "event: error\rdata: one\rdata: two\r\r"
    "id: 1\n\n: keep-alive\n\n"
    "data: a\u2028b\x85c\x0bd \U0001f600\r\n\r\ndata: the last"
)
EVENTS = [
    ("ping", ""),
    ("message", "no blank"),
    ("message", " two blanks"),
    ("error", "one\ntwo"),
    ("message", "a\u2028b\x85c\x0bd \U0001f600"),
    ("message", "the last"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_every_form_of_an_event_however_it_is_cut(size: int) -> None:
    sent = b"\xef\xbb\xbf" + STREAM.encode()

    read = read_events(sent[start : start + size] for start in range(0, len(sent), size))

    assert [(event.kind, event.data) for event in read] == EVENTS


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert [event.data for event in read_events([b"data: \xff\xe2\x82\n\n"])] == ["\ufffd\ufffd"]


@pytest.mark.parametrize("chunk", [b"data: aaaaaaa", b"data: aaaaaaa\n", b": aaaaaaa\n"])
def test_an_event_without_an_end_is_refused(chunk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent_events, "MAX_EVENT_CHARACTERS", 100)

    with pytest.raises(ValueError, match="one event is longer than 100 characters"):
        list(read_events([chunk] * 20))
