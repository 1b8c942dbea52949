"""A name that stands twice in a JSON object is found, wherever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.reading.json_names import doubled_name


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "b": 2, "c": 3, "b": 2, "c": 3}', "b"),
        ('{"a": [0, {"b": {"c": 1, "c": 2}}]}', "a.1.b.c"),
        (b'[[], {"": 1, "": 2}]', "1."),
        ('{"a": {"x": 1, "x": 1}, "a": {"y": 1}}', "a"),
        (r'{"a": 1, "\u0061": 2}', "a"),
    ],
)
def test_the_path_of_the_first(text: bytes | str, path: str) -> None:
    assert doubled_name(text) == path


@pytest.mark.parametrize("text", ["1", "[]", '{"a": {"a": {"a": 1}}}', '[{"a": 1}, {"a": 1}]', '{"a": 1, "A": 1}'])
def test_the_same_name_in_several_objects_is_none(text: str) -> None:
    assert doubled_name(text) is None


ANY = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(ANY)
def test_what_is_written_from_a_dictionary_has_none(value: Any) -> None:
    assert doubled_name(json.dumps(value)) is None
