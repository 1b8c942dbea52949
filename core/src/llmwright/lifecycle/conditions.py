"""Conditions as Kubernetes keeps them: a time that moves only when the status does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from llmwright.api.status import Condition

MOST_CHARACTERS = 1024
NO_LONGER_ALLOWED = "NoLongerAllowed"
"""Reason of UpdateAvailable where what runs would be refused today."""

ORDER = (
    "PreflightSucceeded",
    "NodesReady",
    "NodeClaimReady",
    "ResourceReady",
    "JobStarted",
    "InferenceReady",
    "AutoscalerReady",
    "WorkspaceSucceeded",
    "WorkspaceReady",
    "Ready",
    "Reconciling",
    "Stalled",
    "InstanceTypeRefused",
    "UpdateAvailable",
    "ChangeNotApplied",
    "WorkspaceDeleting",
)


def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC to the second, as Kubernetes writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Conditions:
    """The previous conditions, updated step by step. Conditions that this version does not know stay as they are."""

    def __init__(self, previous: Sequence[Condition], now: datetime, generation: int | None) -> None:
        self._before = {condition.type: condition for condition in previous}
        self._current = dict(self._before)
        self._now = rfc3339(now)
        self._generation = generation

    def set(self, kind: str, holds: bool, reason: str, message: str) -> None:
        """Set the condition ``kind``; ``message`` is cut to ``MOST_CHARACTERS``."""
        status = "True" if holds else "False"
        old = self._before.get(kind)
        # The time moves with the status alone: tools that wait read it as "since when".
        since = old.last_transition_time if old and old.status == status else self._now
        text = message if len(message) <= MOST_CHARACTERS else message[: MOST_CHARACTERS - 1] + "…"
        self._current[kind] = Condition(
            type=kind,
            status="True" if holds else "False",
            reason=reason,
            message=text,
            last_transition_time=since,
            observed_generation=self._generation,
        )

    def drop(self, *kinds: str) -> None:
        """Remove conditions that no longer apply."""
        for kind in kinds:
            self._current.pop(kind, None)

    def get(self, kind: str) -> Condition | None:
        """Return the condition as it is now, None where it is not set."""
        return self._current.get(kind)

    def holds(self, kind: str) -> bool:
        """Whether the condition ``kind`` is True."""
        condition = self._current.get(kind)
        return condition is not None and condition.status == "True"

    def listed(self) -> list[Condition]:
        """Return all conditions in the order of the lifecycle, unknown ones last."""
        known = [self._current[kind] for kind in ORDER if kind in self._current]
        return known + [condition for kind, condition in self._current.items() if kind not in ORDER]
