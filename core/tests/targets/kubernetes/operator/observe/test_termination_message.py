"""A program's last words: their end, in one line, without secrets."""

from __future__ import annotations

import pytest

from llmwright.targets.kubernetes.operator.observe.termination_message import MOST_CHARACTERS, last_words

SECRETS = {
    "401 for token hf_AbCdEf0123456789": "hf_AbCdEf0123456789",
    "Authorization: Bearer abc.def-123": "abc.def-123",
    "authorization=Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    'config: {"api_key": "sesame open", "x": 1}': "sesame open",
    "OPENAI_API_KEY=sk-proj-abcdefghijkl bad": "sk-proj-abcdefghijkl",
    "could not pull https://user:sesame@registry.example/x": "sesame",
    "GET https://blob.example/data?sv=1&sig=SESAME%3D: 403": "SESAME",
    "DB_PASSWORD='correct horse'": "correct horse",
    "password: sesame": "sesame",
    "aws AKIAIOSFODNN7EXAMPLE refused": "AKIAIOSFODNN7EXAMPLE",
    "jwt eyJhbGciOi.eyJzdWIiOiIx.SflKxw expired": "eyJzdWIiOiIx",
    "ghp_abcdefghijkl123456 has no scope": "ghp_abcdefghijkl123456",
}


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_hidden(text: str) -> None:
    shown = last_words(f"Traceback (most recent call last):\n  {text}\n")
    assert SECRETS[text] not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    ["ValueError: max_tokens=4096 is above 2048", "the tokenizer: gpt2 has 50257 tokens", "row 3 is no question"],
)
def test_the_rest_is_left_as_it_is(text: str) -> None:
    assert last_words(text) == text


def test_of_much_the_end_is_kept_in_one_line() -> None:
    shown = last_words("\x1b[31mloading\x1b[0m\r\n" * 200 + "RuntimeError: no CUDA")
    assert shown.endswith("loading RuntimeError: no CUDA")
    assert len(shown) == MOST_CHARACTERS
    assert "\n" not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("text", ["", None, "   \n"])
def test_no_words_are_none(text: str | None) -> None:
    assert last_words(text) == ""


def test_a_long_message_takes_no_time() -> None:
    assert last_words("token" * 50_000 + "=" + "a://" * 50_000)
