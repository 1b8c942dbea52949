from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_models import byte_level_tokenizer
from tokenizers import Tokenizer

from llmwright_runtime_hf.serve.engine.stop_strings import Detokenizer, StopStrings

TOKENIZER: Tokenizer = byte_level_tokenizer()
ALPHABET = st.text(alphabet="ab ", max_size=40)


def pieces_of(tokens: list[int]) -> list[str]:
    detokenizer = Detokenizer(TOKENIZER.decode)
    return [*map(detokenizer.push, tokens), detokenizer.finish()]


@given(st.text(max_size=40))
def test_pieces_are_whole_characters_and_join_to_the_text(text: str) -> None:
    pieces = pieces_of(TOKENIZER.encode(text).ids)

    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@given(st.lists(st.integers(1, TOKENIZER.get_vocab_size() - 1), max_size=40))
def test_pieces_of_any_tokens_join_to_what_the_tokenizer_decodes(tokens: list[int]) -> None:
    assert "".join(pieces_of(tokens)) == TOKENIZER.decode(tokens)


def test_a_character_is_sent_with_its_last_byte() -> None:
    tokens = TOKENIZER.encode("🙂").ids

    assert len(tokens) == 4
    assert pieces_of(tokens) == ["", "", "", "🙂", ""]


def test_an_incomplete_character_at_the_end_is_a_replacement_character() -> None:
    assert "".join(pieces_of(TOKENIZER.encode("a🙂").ids[:-1])) == "a\ufffd"


@given(st.lists(ALPHABET, max_size=10), st.text(alphabet="ab ", min_size=1, max_size=5))
def test_text_is_cut_at_the_stop_string_however_it_is_split(chunks: list[str], stop: str) -> None:
    sent, met = stream(chunks, [stop])

    text = "".join(chunks)
    assert met == (stop in text)
    assert sent == text.partition(stop)[0]


@given(st.lists(ALPHABET, max_size=10), st.lists(st.text(alphabet="ab ", min_size=1, max_size=5), max_size=4))
def test_no_stop_string_leaks(chunks: list[str], stops: list[str]) -> None:
    sent, met = stream(chunks, stops)

    assert "".join(chunks).startswith(sent)
    assert not any(stop in sent for stop in stops)
    assert met or sent == "".join(chunks)


def test_only_what_may_become_a_stop_string_is_held_back() -> None:
    stops = StopStrings(["\nUser:"])

    assert stops.push("hello\nUs") == ("hello", False)
    assert stops.push("ual\n") == ("\nUsual", False)
    assert stops.finish() == "\n"


def stream(chunks: list[str], stop_strings: list[str]) -> tuple[str, bool]:
    stops = StopStrings(stop_strings)
    sent = ""
    for chunk in chunks:
        ready, met = stops.push(chunk)
        sent += ready
        if met:
            return sent, True
    return sent + stops.finish(), False
