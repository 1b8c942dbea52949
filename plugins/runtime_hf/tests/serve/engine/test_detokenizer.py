"""Tokens become whole characters, and all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_models import byte_level_tokenizer
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE

from llmwright_runtime_hf.serve.engine.detokenizer import Detokenizer

TOKENIZER: Tokenizer = byte_level_tokenizer()
NO_CHARACTERS = [token for token in range(TOKENIZER.get_vocab_size()) if TOKENIZER.decode([token]) == "\ufffd"]


def byte_fallback_tokenizer() -> Tokenizer:
    """Return one with a token for each byte, as Llama's for characters that it has no token of. It has one word."""
    bytes_ = {f"<0x{number:02X}>": number for number in range(256)}
    tokenizer = Tokenizer(BPE({**bytes_, "word": 256}, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def pieces_of(tokens: list[int], tokenizer: Tokenizer = TOKENIZER) -> list[str]:
    detokenizer = Detokenizer(tokenizer.decode)
    return [*map(detokenizer.push, tokens), detokenizer.finish()]


@given(st.text(max_size=40))
def test_pieces_are_whole_characters_and_join_to_the_text(text: str) -> None:
    pieces = pieces_of(TOKENIZER.encode(text).ids)

    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@given(st.lists(st.integers(1, TOKENIZER.get_vocab_size() - 1), max_size=40))
def test_pieces_of_any_tokens_join_to_what_the_tokenizer_decodes(tokens: list[int]) -> None:
    assert "".join(pieces_of(tokens)) == TOKENIZER.decode(tokens)


@given(st.lists(st.sampled_from(NO_CHARACTERS) | st.integers(1, TOKENIZER.get_vocab_size() - 1), max_size=200))
def test_pieces_of_many_bytes_that_are_no_character_join_to_what_the_tokenizer_decodes(tokens: list[int]) -> None:
    assert "".join(pieces_of(tokens)) == TOKENIZER.decode(tokens)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd"), max_size=40))
def test_a_tokenizer_with_a_token_for_each_byte_sends_each_character_with_its_last(text: str) -> None:
    pieces = pieces_of([*text.encode(), 256], byte_fallback_tokenizer())

    assert "".join(pieces) == text + "word"
    assert [piece for piece in pieces if piece] == [*text, "word"]


@given(st.lists(st.sampled_from("\ufffdé€\U0001f642"), max_size=12))
def test_a_written_replacement_character_costs_no_other_one(characters: list[str]) -> None:
    """A tokenizer with byte fallback shows it as three of them while the character after it is incomplete."""
    text = "".join(characters)

    assert "".join(pieces_of([*text.encode(), 256], byte_fallback_tokenizer())) == text + "word"


def test_bytes_without_a_character_do_not_hold_back_the_word_after_them() -> None:
    pieces = pieces_of([0x81] * 100 + [256], byte_fallback_tokenizer())

    assert "".join(pieces) == "\ufffd" * 100 + "word"
    assert pieces[50] == "\ufffd"


def test_a_character_is_sent_with_its_last_byte() -> None:
    tokens = TOKENIZER.encode("🙂").ids

    assert len(tokens) == 4
    assert pieces_of(tokens) == ["", "", "", "🙂", ""]


def test_an_incomplete_character_at_the_end_is_a_replacement_character() -> None:
    assert "".join(pieces_of(TOKENIZER.encode("a🙂").ids[:-1])) == "a\ufffd"


def test_bytes_that_are_no_character_cost_the_same_at_the_end_as_at_the_start() -> None:
    """A client can ask for them by ``logit_bias``: a window that grows with the answer would hold up everybody."""
    longest = 0

    def decode(tokens: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(tokens))
        return str(TOKENIZER.decode(tokens))

    tokens = NO_CHARACTERS[:1] * 1000 + TOKENIZER.encode("é\U0001f642").ids
    detokenizer = Detokenizer(decode)
    text = "".join([*map(detokenizer.push, tokens), detokenizer.finish()])

    assert longest <= 2 * 64
    assert text.startswith("\ufffd" * 900)
    assert text.endswith("é\U0001f642")


def test_bytes_that_can_be_no_character_are_sent_after_four_of_them() -> None:
    detokenizer = Detokenizer(TOKENIZER.decode)
    pieces = [detokenizer.push(NO_CHARACTERS[0]) for _ in range(100)]

    assert pieces == ["", "", "", *["\ufffd"] * 97]
    assert detokenizer.finish() == "\ufffd" * 3
