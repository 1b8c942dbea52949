"""Tokens become whole characters, and all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_models import byte_level_tokenizer
from tokenizers import Tokenizer

from llmwright_runtime_hf.serve.engine.detokenizer import Detokenizer

TOKENIZER: Tokenizer = byte_level_tokenizer()


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


def test_bytes_that_are_no_character_cost_the_same_at_the_end_as_at_the_start() -> None:
    """A client can ask for them by ``logit_bias``: a window that grows with the answer would hold up everybody."""
    longest = 0

    def decode(tokens: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(tokens))
        return str(TOKENIZER.decode(tokens))

    no_character = next(token for token in range(TOKENIZER.get_vocab_size()) if TOKENIZER.decode([token]) == "\ufffd")
    tokens = [no_character] * 1000 + TOKENIZER.encode("é\U0001f642").ids
    detokenizer = Detokenizer(decode)
    text = "".join([*map(detokenizer.push, tokens), detokenizer.finish()])

    assert longest <= 2 * 64
    assert text.startswith("\ufffd" * 900)
    assert text.endswith("é\U0001f642")
