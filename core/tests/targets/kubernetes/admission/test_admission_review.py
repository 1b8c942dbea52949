"""What a review is answered with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.errors import Problem
from llmwright.targets.kubernetes.admission.admission_review import BadReview, answer, read_review
from llmwright.targets.kubernetes.admission.validation import Verdict, verdict_on

Object = dict[str, Any]

NEW: Object = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "ws", "namespace": "default", "labels": {"team": "a"}},
    "resource": {"count": 1, "labelSelector": {"matchLabels": {"apps": "x"}}},
    "inference": {"preset": {"name": "phi-4"}},
}
REFUSAL = Problem("resource.count", "too\nmany", "take fewer", reason="LimitExceeded")
WARNING = Problem("", "still here", severity="warning", reason="Odd")


def body(operation: str = "CREATE", new: Object | None = NEW, old: Object | None = None, **more: Any) -> bytes:
    kind = {"group": "kaito.sh", "version": "v1beta1", "kind": "Workspace"}
    request = {"uid": "u-1", "kind": kind, "operation": operation, "object": new, "oldObject": old, **more}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


class Judge:
    """Says the same of everything, and remembers what it was asked."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        self.asked: list[tuple[Workspace, Workspace | None]] = []

    def __call__(self, workspace: Workspace, old: Workspace | None) -> Iterable[Problem]:
        self.asked.append((workspace, old))
        return self.problems


def changed(**parts: Any) -> Object:
    return {**NEW, **parts}


def with_metadata(**parts: Any) -> Object:
    return {**NEW, "metadata": {**NEW["metadata"], **parts}}


def test_a_refusal_names_reason_path_and_hint() -> None:
    review = read_review(body())
    response = answer(review, verdict_on(review, Judge(REFUSAL, WARNING)))["response"]
    assert (response["uid"], response["allowed"]) == ("u-1", False)
    assert response["warnings"] == ["still here [Odd]"]
    assert response["status"]["code"] == 422
    assert response["status"]["message"] == "resource.count: too many (take fewer) [LimitExceeded]"
    (cause,) = response["status"]["details"]["causes"]
    assert (cause["field"], cause["reason"]) == ("resource.count", "LimitExceeded")


def test_warnings_alone_refuse_nothing() -> None:
    review = read_review(body())
    response = answer(review, verdict_on(review, Judge(WARNING)))["response"]
    assert response == {"uid": "u-1", "allowed": True, "warnings": ["still here [Odd]"]}


def test_an_update_is_judged_against_what_it_replaces() -> None:
    judge = Judge(REFUSAL)
    old = changed(inference={"preset": {"name": "phi-3"}})
    assert verdict_on(read_review(body("UPDATE", NEW, old)), judge).errors == (REFUSAL,)
    ((new, before),) = judge.asked
    assert before is not None
    assert (new.preset, before.preset) != (before.preset, new.preset)


@pytest.mark.parametrize(
    "new",
    [
        with_metadata(labels={}),
        with_metadata(finalizers=["other"]),
        with_metadata(annotations={"example.com/note": "x"}),
        changed(status={"state": "Ready"}),
        {**changed(inference={"preset": {"name": "other"}}), "metadata": {"name": "ws", "deletionTimestamp": "now"}},
    ],
)
def test_what_changes_no_wish_is_not_judged(new: Object) -> None:
    judge = Judge(REFUSAL)
    assert verdict_on(read_review(body("UPDATE", new, NEW)), judge) == Verdict()
    assert judge.asked == []


def test_annotations_that_stand_for_fields_are_judged() -> None:
    new = with_metadata(annotations={"kaito.sh/runtime": "vllm"})
    assert verdict_on(read_review(body("UPDATE", new, NEW)), Judge(REFUSAL)).errors == (REFUSAL,)


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_other_operations_are_let_pass(operation: str) -> None:
    assert verdict_on(read_review(body(operation, None, NEW)), Judge(REFUSAL)) == Verdict()


def test_the_status_is_the_operators() -> None:
    review = read_review(body("UPDATE", changed(resource={}), NEW, subResource="status"))
    assert verdict_on(review, Judge(REFUSAL)) == Verdict()


def test_what_cannot_be_read_is_refused_field_by_field() -> None:
    new = changed(resource={"count": "two", "extra": 1})
    found = {one.path: one.reason for one in verdict_on(read_review(body(new=new)), Judge()).errors}
    assert found == {"resource.count": "WrongType", "resource.extra": "UnknownField"}


def test_an_old_one_that_cannot_be_read_holds_up_nothing() -> None:
    judge = Judge()
    old = changed(resource={"count": "two"})
    assert verdict_on(read_review(body("UPDATE", NEW, old)), judge).errors == ()
    assert judge.asked[0][1] is None


def test_a_broken_plugin_of_the_operators_refuses_nobody() -> None:
    broken = replace(REFUSAL, reason="PluginLoadFailed")
    found = verdict_on(read_review(body()), Judge(broken))
    assert (found.errors, [one.reason for one in found.warnings]) == ((), ["PluginLoadFailed"])


def test_a_plugin_that_is_missing_refuses_whoever_names_it_anew() -> None:
    missing = Problem("inference.runtime", "no plugin", reason="PluginNotFound")
    named = changed(inference={"preset": {"name": "phi-4"}, "runtime": "gone"})
    again = changed(inference={"preset": {"name": "phi-4"}, "runtime": "gone", "config": "more"})
    assert verdict_on(read_review(body(new=named)), Judge(missing)).errors == (missing,)
    assert verdict_on(read_review(body("UPDATE", named, NEW)), Judge(missing)).errors == (missing,)
    assert verdict_on(read_review(body("UPDATE", again, named)), Judge(missing)).errors == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no json",
        b"[" * 100_000,
        b"[]",
        b"{}",
        body().replace(b"admission.k8s.io/v1", b"admission.k8s.io/v0"),
        body().replace(b'"kaito.sh"', b'"apps"'),
        body().replace(b'"u-1"', b"1"),
        body(kind=None),
        body(oldObject=[]),
        body(object="text"),
        json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).encode(),
    ],
)
def test_anything_else_is_told_in_one_line(text: bytes) -> None:
    with pytest.raises(BadReview) as caught:
        read_review(text)
    assert len(str(caught.value).splitlines()) == 1
