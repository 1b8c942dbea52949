"""Writing to a Workspace: its status, its finalizer and annotations; only what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
from llmwright.targets.kubernetes.cluster.merge_patch import merged
from llmwright.targets.kubernetes.cluster.object_cache import Key, ObjectCache
from llmwright.targets.kubernetes.operator.report.debounce import Holding

FINALIZER = "workspace.finalizer.kaito.sh"
Object = Mapping[str, Any]


def has_finalizer(workspace: Object) -> bool:
    """Whether ours is on it."""
    return FINALIZER in (workspace["metadata"].get("finalizers") or [])


def status_patch(live: Object, status: WorkspaceStatus) -> dict[str, Any]:
    """The merge patch that makes ``live`` (the status as the server holds it) say ``status``; empty where it does."""
    wanted = status.model_dump(by_alias=True, exclude_none=True, mode="json")
    patch = {name: value for name, value in wanted.items() if live.get(name) != value and not _same(live, name, value)}
    patch = {name: _replacing(live.get(name), value) for name, value in patch.items()}
    return {**patch, **{name: None for name in live if name not in wanted}}


def _same(live: Object, name: str, value: Any) -> bool:
    return value in ([], {}) and name not in live


def _replacing(before: Any, after: Any) -> Any:
    """A merge patch keeps keys that it does not name: those that are to go are named with null."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return after
    kept = {name: _replacing(before.get(name), value) for name, value in after.items()}
    return {**kept, **{name: None for name in before if name not in after}}


@dataclass(frozen=True, slots=True)
class Written:
    """Whether a status was written, and after how many seconds one that is held back is due."""

    done: bool = False
    again_in: float | None = None


class Recorder:
    """Writes through the API and into the cache, so that the pass after sees what this one wrote."""

    def __init__(self, api: Api, store: ObjectCache, crowded: Callable[[], bool]) -> None:
        """``crowded`` as ``Holding``."""
        self._api, self._store = api, store
        self._holding = Holding(crowded)

    def latest(self, workspace: Object, written: WorkspaceStatus | None) -> WorkspaceStatus | None:
        """The status as it was last decided, where that is not ``written`` yet."""
        return self._holding.latest(workspace, written)

    def status(self, workspace: Object, status: WorkspaceStatus, *, may_wait: bool = False) -> Written:
        """Write the status where it says anything new; after a moment where that is soon enough and ``may_wait``."""
        patch = status_patch(workspace.get("status") or {}, status)
        rest = self._holding.hold(workspace, status, patch) if patch and may_wait else 0.0
        if rest:
            return Written(again_in=rest)
        self._holding.forget((workspace["metadata"]["namespace"], workspace["metadata"]["name"]))
        if not patch:
            return Written()
        self._merge(workspace, {"status": patch}, "status")
        return Written(done=True)

    def forget(self, key: Key) -> None:
        """The Workspace is gone."""
        self._holding.forget(key)

    def mark(self, workspace: Object, annotations: Mapping[str, str]) -> Object:
        """See that it carries our finalizer and ``annotations``; returns it as it is then."""
        about = workspace["metadata"]
        written = about.get("annotations") or {}
        missing = {name: value for name, value in annotations.items() if written.get(name) != value}
        patch: dict[str, Any] = {"annotations": missing} if missing else {}
        if not has_finalizer(workspace):
            patch["finalizers"] = [*(about.get("finalizers") or []), FINALIZER]
            patch["resourceVersion"] = about["resourceVersion"]
        return self._merge(workspace, {"metadata": patch}) if patch else workspace

    def release(self, workspace: Object) -> None:
        """Take our finalizer off, so that it may go; others' stay."""
        about = workspace["metadata"]
        rest = [name for name in about.get("finalizers") or [] if name != FINALIZER]
        patch = {"metadata": {"finalizers": rest or None, "resourceVersion": about["resourceVersion"]}}
        if not self._merge(workspace, patch)["metadata"].get("finalizers"):
            self._store.forget(about["namespace"], about["name"])

    def _merge(self, workspace: Object, patch: Object, subresource: str = "") -> Object:
        about = workspace["metadata"]
        try:
            found = self._api.merge(WORKSPACES, about["namespace"], about["name"], patch, subresource)
        except ApiError as error:
            if error.code == NOT_FOUND:
                self._store.forget(about["namespace"], about["name"])
            raise
        self._store.put(found, expected=merged(workspace, patch))
        return found
