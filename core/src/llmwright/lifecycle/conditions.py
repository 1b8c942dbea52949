"""Conditions as Kubernetes keeps them: a time that moves only when the status does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from llmwright.api.status import Condition

MOST_CHARACTERS = 1024

ORDER = (
    "PreflightSucceeded",
    "NodesReady",
    "NodeClaimReady",
    "ResourceReady",
    "JobStarted",
    "InferenceReady",
    "WorkspaceSucceeded",
    "WorkspaceReady",
    "Ready",
    "Reconciling",
    "Stalled",
    "UpdateAvailable",
    "WorkspaceDeleting",
)


def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC to the second, as Kubernetes writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Conditions:
    """The previous conditions, being updated; those that this version does not know stay as they are."""

    def __init__(self, previous: Sequence[Condition], now: datetime, generation: int | None) -> None:
        self._before = {condition.type: condition for condition in previous}
        self._found = dict(self._before)
        self._now = rfc3339(now)
        self._generation = generation

    def set(self, kind: str, holds: bool, reason: str, message: str) -> None:
        """State ``kind``; ``message`` is cut to what a reader can bear."""
        status = "True" if holds else "False"
        old = self._before.get(kind)
        since = old.last_transition_time if old and old.status == status else self._now
        text = message if len(message) <= MOST_CHARACTERS else message[: MOST_CHARACTERS - 1] + "…"
        self._found[kind] = Condition(
            type=kind,
            status="True" if holds else "False",
            reason=reason,
            message=text,
            last_transition_time=since,
            observed_generation=self._generation,
        )

    def drop(self, *kinds: str) -> None:
        """Forget conditions that no longer say anything."""
        for kind in kinds:
            self._found.pop(kind, None)

    def get(self, kind: str) -> Condition | None:
        """The condition as it stands now."""
        return self._found.get(kind)

    def holds(self, kind: str) -> bool:
        """Whether ``kind`` is True."""
        found = self._found.get(kind)
        return found is not None and found.status == "True"

    def listed(self) -> list[Condition]:
        """All of them in the order of the lifecycle, unknown ones last."""
        known = [self._found[kind] for kind in ORDER if kind in self._found]
        return known + [condition for kind, condition in self._found.items() if kind not in ORDER]
