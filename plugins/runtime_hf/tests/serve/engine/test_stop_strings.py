"""Text is cut at a stop string, however the string is split, and no part of one is sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings

ALPHABET = st.text(alphabet="ab ", max_size=40)


@given(st.lists(ALPHABET, max_size=10), st.text(alphabet="ab ", min_size=1, max_size=5))
def test_text_is_cut_at_the_stop_string_however_it_is_split(chunks: list[str], stop: str) -> None:
    sent, stopped = stream(chunks, [stop])

    text = "".join(chunks)
    assert stopped == (stop in text)
    assert sent == text.partition(stop)[0]


@given(st.lists(ALPHABET, max_size=10), st.lists(st.text(alphabet="ab ", min_size=1, max_size=5), max_size=4))
def test_no_stop_string_leaks(chunks: list[str], stops: list[str]) -> None:
    sent, stopped = stream(chunks, stops)

    assert "".join(chunks).startswith(sent)
    assert not any(stop in sent for stop in stops)
    assert stopped or sent == "".join(chunks)


def test_only_what_may_become_a_stop_string_is_held_back() -> None:
    stops = StopStrings(["\nUser:"])

    assert stops.push("hello\nUs") == ("hello", False)
    assert stops.push("ual\n") == ("\nUsual", False)
    assert stops.finish() == "\n"


def stream(chunks: list[str], stop_strings: list[str]) -> tuple[str, bool]:
    stops = StopStrings(stop_strings)
    sent = ""
    for chunk in chunks:
        ready, stopped = stops.push(chunk)
        sent += ready
        if stopped:
            return sent, True
    return sent + stops.finish(), False
