"""JSON within bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import MAX_DEPTH, MAX_VALUES, read_json, read_json_file

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(ANY)
def test_json_is_read_as_by_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    assert read_json(text) == read_json(text.encode()) == value


def nested(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON: .* in line 1, column 2"),
        (nested(MAX_DEPTH + 1), "nested more than 100"),
        ("[" * 100_000, "nested more than 100"),
        ("1" * 41, "41 digits"),
        ("[" + "1" * 5000 + "]", "5,000 digits"),
        ('["\\ud800"]', "half of a character"),
        ('{"\\udfff": 1}', "half of a character"),
        ("[" + "[]," * MAX_VALUES + "[]]", "larger than|more than 1,000,000 values"),
    ],
)
def test_what_is_out_of_bounds_is_named(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_json(text, 10**7)


def test_what_models_write_is_within_bounds() -> None:
    assert read_json('{"model_max_length": 1000000000000000019884624838656}')
    assert read_json('{"limits": [0.0, Infinity], "smile": "\\ud83d\\ude00"}')["smile"] == "\U0001f600"
    assert read_json(nested(MAX_DEPTH))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        read_json(b'"\xed\xa0\x80"')
    with pytest.raises(Unreadable, match="larger than 3 bytes"):
        read_json("[1, 2]", 3)
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert read_json_file(path) == {}
