"""What people are told of a change of conditions: each cause once."""

from __future__ import annotations

from typing import Literal

from llmwright.api.status import Condition, WorkspaceStatus
from llmwright.lifecycle.decision import Event
from llmwright.lifecycle.transition_events import transition_events

MOMENT = "2026-01-01T00:00:00Z"


def condition(kind: str, status: Literal["True", "False"], reason: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=f"{reason}!", last_transition_time=MOMENT)


def told(before: list[Condition], after: list[Condition], *, tuning: bool = False) -> list[Event]:
    return transition_events(WorkspaceStatus(conditions=before), after, tuning=tuning)


def test_a_workspace_that_stalls_says_why_once() -> None:
    stalled = condition("Stalled", "True", "UnknownPreset")
    assert told([], [stalled]) == [Event("Warning", "UnknownPreset", "UnknownPreset!")]
    assert told([stalled], [stalled]) == []
    assert told([stalled], [condition("Stalled", "False", "Progressing")]) == []


def test_one_cause_in_several_conditions_is_told_once() -> None:
    found = [condition("ResourceReady", "False", "QuotaExceeded"), condition("Stalled", "True", "QuotaExceeded")]
    assert told([], found) == [Event("Warning", "QuotaExceeded", "QuotaExceeded!")]


def test_waiting_is_not_told() -> None:
    assert told([], [condition("ResourceReady", "False", "NodeClaimNotReady")]) == []


def test_what_came_about_is_told() -> None:
    ready = condition("InferenceReady", "True", "Answers")
    assert told([condition("InferenceReady", "False", "Pending")], [ready]) == [Event("Normal", "Answers", "Answers!")]


def test_what_comes_by_itself_is_no_warning_unless_it_was_there() -> None:
    missing, there = condition("ResourceReady", "False", "NodeNotFound"), condition("ResourceReady", "True", "Ready")
    expected = {"NodeNotFound"}
    for before, kind in (([], "Normal"), ([there], "Warning")):
        (event,) = transition_events(WorkspaceStatus(conditions=before), [missing], expected, tuning=False)
        assert event.type == kind
