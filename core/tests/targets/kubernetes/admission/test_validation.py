"""Which Workspaces are checked at admission, and which problems refuse them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from core.tests.targets.kubernetes.support.reviews import WORKSPACE, Object, review

from llmwright.api.workspace import Workspace
from llmwright.errors import Problem
from llmwright.targets.kubernetes.admission.admission_review import read_request
from llmwright.targets.kubernetes.admission.validation import ValidationResult, validate

REFUSAL = Problem("resource.count", "too many", reason="LimitExceeded")


class Check:
    """A check that always returns the same problems of the new Workspace, and records its calls.

    ``before`` are problems that the old one has too.
    """

    def __init__(self, *problems: Problem, before: tuple[Problem, ...] = ()) -> None:
        self.problems, self.before = problems, before
        self.calls: list[tuple[Workspace, Workspace | None]] = []

    def __call__(self, workspace: Workspace, old: Workspace | None) -> Iterable[Problem]:
        self.calls.append((workspace, old))
        return self.before if old is workspace else (*self.problems, *self.before)


def with_fields(**fields: Any) -> Object:
    return {**WORKSPACE, **fields}


def with_metadata(**parts: Any) -> Object:
    return {**WORKSPACE, "metadata": {**WORKSPACE["metadata"], **parts}}


def test_an_update_is_checked_against_the_old_workspace() -> None:
    check = Check(REFUSAL)
    old = with_fields(inference={"preset": {"name": "phi-3"}})
    assert validate(read_request(review("UPDATE", WORKSPACE, old)), check).errors == (REFUSAL,)
    (new, before), again = check.calls
    assert before is not None
    assert again == (before, before), "what it was accepted with is asked too"
    assert (new.preset, before.preset) != (before.preset, new.preset)


@pytest.mark.parametrize(
    "new",
    [
        with_metadata(labels={}),
        with_metadata(finalizers=["other"]),
        with_metadata(annotations={"example.com/note": "x"}),
        with_fields(status={"state": "Ready"}),
        {
            **with_fields(inference={"preset": {"name": "other"}}),
            "metadata": {"name": "ws", "deletionTimestamp": "now"},
        },
    ],
)
def test_an_update_of_other_fields_is_not_checked(new: Object) -> None:
    check = Check(REFUSAL)
    assert validate(read_request(review("UPDATE", new, WORKSPACE)), check) == ValidationResult()
    assert check.calls == []


def test_annotations_that_stand_for_fields_are_checked() -> None:
    new = with_metadata(annotations={"kaito.sh/runtime": "vllm"})
    assert validate(read_request(review("UPDATE", new, WORKSPACE)), Check(REFUSAL)).errors == (REFUSAL,)


def test_what_was_wrong_before_is_a_warning() -> None:
    """A rule that is newer than the Workspace must not keep anybody from editing another field of it."""
    another, old = Problem("inference.config", "none such"), with_fields(inference={"preset": {"name": "phi-3"}})
    request, wrong = read_request(review("UPDATE", WORKSPACE, old)), replace(REFUSAL, reason="OutOfRange")
    result = validate(request, Check(before=(wrong,)))
    assert (result.errors, [warning.message for warning in result.warnings]) == ((), ["too many"])
    result = validate(request, Check(another, before=(wrong,)))
    assert (result.errors, [warning.message for warning in result.warnings]) == ((another,), ["too many"])
    assert validate(read_request(review(new=WORKSPACE)), Check(before=(wrong,))).errors == (wrong,)


def test_what_the_settings_forbid_holds_for_what_was_there_before() -> None:
    request = read_request(review("UPDATE", WORKSPACE, with_fields(inference={"preset": {"name": "phi-3"}})))
    assert validate(request, Check(before=(REFUSAL,))).errors == (REFUSAL,)


def test_what_could_not_be_read_before_is_a_warning() -> None:
    old, new = with_fields(resource={"count": "two"}), with_fields(resource={"count": "two", "preferredNodes": ["a"]})
    assert validate(read_request(review("UPDATE", new, old)), Check()).errors == ()
    worse = with_fields(resource={"count": "two", "extra": 1})
    assert [error.path for error in validate(read_request(review("UPDATE", worse, old)), Check()).errors] == [
        "resource.extra"
    ]


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_other_operations_pass(operation: str) -> None:
    assert validate(read_request(review(operation, None, WORKSPACE)), Check(REFUSAL)) == ValidationResult()


def test_a_status_is_not_checked() -> None:
    request = read_request(review("UPDATE", with_fields(resource={}), WORKSPACE, subResource="status"))
    assert validate(request, Check(REFUSAL)) == ValidationResult()


def test_an_unreadable_workspace_is_refused_field_by_field() -> None:
    new = with_fields(resource={"count": "two", "extra": 1})
    reasons = {error.path: error.reason for error in validate(read_request(review(new=new)), Check()).errors}
    assert reasons == {"resource.count": "WrongType", "resource.extra": "UnknownField"}


def test_an_unreadable_old_workspace_blocks_no_update() -> None:
    check = Check()
    old = with_fields(resource={"count": "two"})
    assert validate(read_request(review("UPDATE", WORKSPACE, old)), check).errors == ()
    assert check.calls[0][1] is None


def test_a_broken_plugin_refuses_no_workspace() -> None:
    broken = replace(REFUSAL, reason="PluginLoadFailed")
    result = validate(read_request(review()), Check(broken))
    assert (result.errors, [warning.reason for warning in result.warnings]) == ((), ["PluginLoadFailed"])


def test_a_missing_plugin_refuses_only_a_workspace_that_newly_names_it() -> None:
    missing = Problem("inference.runtime", "no plugin", reason="PluginNotFound")
    named = with_fields(inference={"preset": {"name": "phi-4"}, "runtime": "gone"})
    again = with_fields(inference={"preset": {"name": "phi-4"}, "runtime": "gone", "config": "more"})
    assert validate(read_request(review(new=named)), Check(missing)).errors == (missing,)
    assert validate(read_request(review("UPDATE", named, WORKSPACE)), Check(missing)).errors == (missing,)
    assert validate(read_request(review("UPDATE", again, named)), Check(missing)).errors == ()
