"""Writing to a Workspace: its status, its finalizer and annotations, and only what changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
from llmwright.targets.kubernetes.cluster.merge_patch import merged, replacing
from llmwright.targets.kubernetes.cluster.object_cache import ObjectCache, key_of
from llmwright.targets.kubernetes.operator.contest import begins, changed_by_another, rest_s
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.report.debounce import Debounce

FINALIZER = "workspace.finalizer.kaito.sh"
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """Whether a status was written, and after how many seconds one that is held back is due.

    ``contested`` where it was just noticed that somebody else keeps changing what we write; ``recorded`` unless the
    write rests because of that.
    """

    done: bool = False
    again_in: float | None = None
    contested: bool = False
    recorded: bool = True


class StatusWriter:
    """Writes through the API and puts each answer into the cache: the next pass sees what this pass wrote."""

    def __init__(
        self,
        api: Api,
        workspaces: ObjectCache,
        debounce: Debounce,
        memory: Memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._workspaces, self._debounce = api, workspaces, debounce
        self._memory, self._clock = memory, clock

    def latest(self, live: Object, status: WorkspaceStatus | None) -> WorkspaceStatus | None:
        """Return the status as it was last decided, where that is newer than the live ``status``."""
        return self._debounce.latest(live, status)

    def write(self, live: Object, status: WorkspaceStatus, *, may_wait: bool = False) -> Written:
        """Write the status where it differs from the live one; with ``may_wait`` after a moment, if that is enough."""
        patch = status_patch(live.get("status") or {}, status)
        contested = self._note_others(live)
        pause = rest_s(self._memory.of(key_of(dict(live))).status_contest, self._clock()) if patch else 0.0
        if pause:
            return Written(again_in=pause, contested=contested, recorded=False)
        rest = self._debounce.hold(live, status, patch) if patch and may_wait else 0.0
        if rest:
            return Written(again_in=rest, contested=contested)
        self._debounce.drop(live)
        if not patch:
            return Written(contested=contested)
        record = self._memory.of(key_of(dict(live)))
        # Before the write: where its answer is lost, it is still known as ours.
        record.own_status = merged(live, {"status": patch}).get("status")
        try:
            record.own_status = self._merge(live, _guarded(live, patch), "status").get("status") or {}
        except ApiError as error:
            if error.code == CONFLICT:
                record.own_status = None  # What is there instead is newer than what was read, and no quarrel.
            raise
        return Written(done=True, contested=contested)

    def _note_others(self, live: Object) -> bool:
        """Count a change of the status that is not ours; return whether it is the one after which we begin to rest."""
        record, status = self._memory.of(key_of(dict(live))), live.get("status") or {}
        before, record.own_status = record.own_status, status
        if before is None or before == status:
            return False
        record.status_contest = changed_by_another(record.status_contest, self._clock())
        return begins(record.status_contest)

    def mark(self, live: Object, annotations: Mapping[str, str]) -> Object:
        """Give the Workspace our finalizer and ``annotations``; return it as it is then."""
        metadata = live["metadata"]
        before = metadata.get("annotations") or {}
        missing = {name: value for name, value in annotations.items() if before.get(name) != value}
        patch: dict[str, Any] = {"annotations": missing} if missing else {}
        if not has_finalizer(live):
            # A merge patch replaces the list. With the version, one that somebody else adds meanwhile is not lost.
            patch["finalizers"] = [*(metadata.get("finalizers") or []), FINALIZER]
            patch["resourceVersion"] = metadata["resourceVersion"]
        if "finalizers" not in patch and rest_s(self._memory.of(key_of(dict(live))).status_contest, self._clock()):
            return live
        return self._merge(live, {"metadata": patch}) if patch else live

    def scale(self, live: Object, patch: Object) -> None:
        """Have the subresource ``scale`` show the number of replicas that the user wrote elsewhere."""
        self._merge(live, patch)

    def release(self, live: Object) -> None:
        """Take our finalizer off, so that the Workspace may go; finalizers of others stay."""
        metadata = live["metadata"]
        others = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
        patch = {"metadata": {"finalizers": others or None, "resourceVersion": metadata["resourceVersion"]}}
        if not self._merge(live, patch)["metadata"].get("finalizers"):
            self._workspaces.forget(metadata["namespace"], metadata["name"], metadata["uid"])

    def _merge(self, live: Object, patch: Object, subresource: str = "") -> Object:
        metadata = live["metadata"]
        try:
            answer = self._api.merge(WORKSPACES, metadata["namespace"], metadata["name"], patch, subresource)
        except ApiError as error:
            if error.code == NOT_FOUND:
                self._workspaces.forget(metadata["namespace"], metadata["name"], metadata["uid"])
            raise
        self._workspaces.put(answer, expected=merged(live, patch))
        return answer


def has_finalizer(live: Object) -> bool:
    """Return whether our finalizer is on a Workspace."""
    return FINALIZER in (live["metadata"].get("finalizers") or [])


def status_patch(live_status: Object, status: WorkspaceStatus) -> dict[str, Any]:
    """Return the merge patch from the live status to ``status``; empty where they are the same."""
    wanted = status.model_dump(by_alias=True, exclude_none=True, mode="json")
    changed = {name: value for name, value in wanted.items() if not _is_same(live_status, name, value)}
    patch = {name: replacing(live_status.get(name), value) for name, value in changed.items()}
    return {**patch, **{name: None for name in live_status if name not in wanted}}


def _guarded(live: Object, patch: Object) -> Object:
    """Return the patch of a Workspace for that of its status.

    A plan is written only over the version that was read. Else it takes the place of another plan, whose write seemed
    lost and came late, and machines are bought for both.
    """
    version = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}} if "plan" in patch else {}
    return {**version, "status": patch}


def _is_same(live_status: Object, name: str, value: Any) -> bool:
    return live_status.get(name) == value or (value in ([], {}) and name not in live_status)
