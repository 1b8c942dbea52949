"""Whether a live object is as it was rendered."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.plugins.declarations import MADE_ANEW
from llmwright.targets.kubernetes.operator.apply.drift import (
    cannot_become,
    covers,
    drift_digest,
    fingerprint,
    has_drifted,
    is_rendered_alike,
    marked,
)


@pytest.mark.parametrize(
    ("live", "wanted", "alike"),
    [
        ({"a": 1, "added": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"list": [{"x": 1, "y": 2}]}, {"list": [{"x": 1}]}, True),
        ({"list": [1, 2]}, {"list": [1]}, False),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}, True),
        ({"memory": "1Gi"}, {"memory": "2Gi"}, False),
        ({}, {"empty": {}, "args": [], "text": ""}, True),
        ({}, {"full": {"a": 1}}, False),
    ],
)
def test_what_others_added_does_not_matter(live: Any, wanted: Any, alike: bool) -> None:
    assert covers(live, wanted) is alike


def test_a_fingerprint_leaves_out_what_runs_nothing() -> None:
    rendered = {"kind": "Service", "metadata": {"name": "a", "annotations": {"revision": "1"}}, "spec": {"x": 1}}
    renumbered = {**rendered, "metadata": {"name": "a", "annotations": {"revision": "2"}}}
    assert fingerprint(rendered) == fingerprint(renumbered)
    assert is_rendered_alike(marked(rendered), renumbered)
    assert not is_rendered_alike(marked(rendered), {**rendered, "spec": {"x": 2}})


def test_drift_is_what_is_missing_and_its_digest_follows_both_sides() -> None:
    desired = {"kind": "Widget", "metadata": {"name": "a", "labels": {"team": "a"}}, "spec": {"x": 1, "unknown": 2}}
    live = {**desired, "spec": {"x": 1, "added": 3}}
    assert has_drifted(live, desired)
    assert not has_drifted(live, desired, content=False)
    assert not has_drifted({**live, "spec": {"x": 1, "unknown": 2, "added": 3}}, desired)
    digest = drift_digest(live, desired)
    assert drift_digest({**live, "status": {"ready": True}}, desired) == digest
    assert drift_digest({**live, "spec": {"x": 2}}, desired) != digest
    assert drift_digest(live, {**desired, "spec": {"x": 1}}) != digest


@pytest.mark.parametrize(
    ("before", "wanted", "anew"),
    [("1", "2", True), ("1", "1", False), (None, "2", False), ("1", None, False), (None, None, False)],
)
def test_an_object_is_made_anew_where_its_controller_would_leave_it(
    before: str | None, wanted: str | None, anew: bool
) -> None:
    live, desired = ({"metadata": {"annotations": {MADE_ANEW: each} if each else {}}} for each in (before, wanted))
    assert cannot_become(live, desired) is anew
