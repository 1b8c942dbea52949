"""Paths of values in a YAML document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmwright.reading.yaml_paths import render_path, split_path


@given(st.lists(st.text() | st.integers(0, 999), max_size=4))
def test_a_path_is_split_into_its_parts(parts: list[str | int]) -> None:
    assert split_path(render_path(parts)) == tuple(parts)


@given(st.text())
def test_any_text_is_split(text: str) -> None:
    assert isinstance(split_path(text), tuple)
    assert split_path('a["\\q"]') == ("a", "\\q")
