"""RFC 7386, with the examples of its appendix A that differ in kind."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.cluster.merge_patch import merged, replacing


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_rfc(target: Any, patch: Any, wanted: Any) -> None:
    before = repr(target)
    assert merged(target, patch) == wanted
    assert repr(target) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "d": {"e": 4}}}),
        ({"a": [1, 2]}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": [1]}),
        ({}, {"a": {"b": {}}}),
    ],
)
def test_a_patch_turns_what_was_read_into_what_is_wanted(before: Any, after: Any) -> None:
    assert merged(before, replacing(before, after)) == after


def test_a_patch_makes_no_mixture_of_what_was_read_and_what_is_there() -> None:
    patch = replacing({"a": {"b": 1, "c": 1}}, {"a": {"b": 1, "c": 2}})
    assert merged({"a": {"b": 7, "c": 1}}, patch) == {"a": {"b": 1, "c": 2}}
