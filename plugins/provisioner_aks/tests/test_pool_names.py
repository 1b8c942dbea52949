from __future__ import annotations

import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from llmwright_provisioner_aks.pool_names import owner_labels, owner_of, owner_tags, pool_names

NAME = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,80}[a-z0-9])?", fullmatch=True)
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@given(NAME, NAME)
def test_names_are_those_that_aks_takes(namespace: str, workspace: str) -> None:
    names = [*islice(pool_names(namespace, workspace), 3)]
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,11}", name) for name in names)
    assert len({*names}) == 3
    assert names == [*islice(pool_names(namespace, workspace), 3)]


def test_workspaces_share_no_name() -> None:
    owners = [
        ("a", "b-c"),
        ("a-b", "c"),
        ("a", "b"),
        ("b", "a"),
        *(("default", f"w{number}") for number in range(5000)),
    ]
    assert len({next(pool_names(*owner)) for owner in owners}) == len(owners)


@given(NAME, NAME)
def test_labels_are_valid_and_tags_hold_the_whole_names(namespace: str, workspace: str) -> None:
    assert all(LABEL.fullmatch(value) for value in owner_labels(namespace, workspace).values())
    assert owner_of(owner_tags(namespace, workspace)) == (namespace, workspace)


def test_long_names_that_begin_alike_have_labels_of_their_own() -> None:
    assert owner_labels("a", "w" * 80 + "1") != owner_labels("a", "w" * 80 + "2")


def test_a_pool_without_both_tags_is_of_others() -> None:
    assert owner_of({}) is None
    assert owner_of({"llmwright-workspace": "demo"}) is None
