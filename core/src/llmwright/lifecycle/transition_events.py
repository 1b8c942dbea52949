"""Events for the conditions that changed: one for each cause, written once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from llmwright.api.status import Condition, WorkspaceStatus
from llmwright.lifecycle.decision import Event

GOOD = ("JobStarted", "InferenceReady", "WorkspaceSucceeded")
TROUBLE = ("PreflightSucceeded", "ResourceReady", "JobStarted", "InferenceReady")
QUIET = frozenset(
    {
        "PreflightPending",
        "FallingBack",
        "NodeNotReady",
        "NodeClaimNotReady",
        "Released",
        "Suspended",
        "ServingEnded",
        "WorkspaceTuningJobStatusPending",
        "WorkspaceInferenceStatusPending",
    }
)

ASKED_FOR = frozenset({"ScaledToZero"})
"""Reasons that the user gave: nothing is wrong, also where something that was True ends."""


def transition_events(
    previous: WorkspaceStatus, conditions: Sequence[Condition], expected: Collection[str] = (), *, tuning: bool
) -> list[Event]:
    """Return an event for each condition that became True, or False with a cause; at most one for each cause.

    ``expected`` are reasons of what comes by itself: no warnings, unless something that was True is lost.
    """
    events: dict[str, Event] = {}
    for condition in conditions:
        old = previous.condition(condition.type)
        if old is not None and (old.status, old.reason) == (condition.status, condition.reason):
            continue
        if condition.status == "True" and condition.type in GOOD:
            if tuning or condition.type == "InferenceReady":
                events.setdefault(condition.reason, Event("Normal", condition.reason, condition.message))
        elif _is_trouble(condition):
            comes = condition.reason in expected and (old is None or old.status != "True")
            is_fine = comes or condition.reason in ASKED_FOR
            kind: Literal["Normal", "Warning"] = "Normal" if is_fine else "Warning"
            events.setdefault(condition.reason, Event(kind, condition.reason, condition.message))
    return list(events.values())


def _is_trouble(condition: Condition) -> bool:
    if condition.type in ("Stalled", "ChangeNotApplied"):
        return condition.status == "True"
    return condition.status == "False" and condition.type in TROUBLE and condition.reason not in QUIET
