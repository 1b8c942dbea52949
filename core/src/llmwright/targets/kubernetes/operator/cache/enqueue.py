"""From a change in the cluster to the names of the Workspaces that it concerns, put into the queue."""

from __future__ import annotations

from typing import Any

from llmwright.targets.kubernetes.cluster.object_cache import Change, Key, key_of
from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.operator.cache.interest_index import InterestIndex
from llmwright.targets.kubernetes.operator.cache.owner_reference import FindOwner

Object = dict[str, Any]


class Enqueue:
    """Handlers of changes, for informers, and calls for a pass when work in the pool has ended."""

    def __init__(self, queue: Workqueue, index: InterestIndex) -> None:
        self._queue, self._index = queue, index

    def call(self, key: Key, seconds: float = 0.0) -> None:
        """Have a pass made over one Workspace, now or after some seconds."""
        if seconds:
            self._queue.add_after(key, seconds)
        else:
            self._queue.add(key, Line.MOVED)

    def everybody(self) -> None:
        """Have a pass made over every Workspace."""
        for key in self._index.all():
            self._queue.add(key)

    def workspace(self, before: Object | None, after: Object | None) -> None:
        """Handle a change of a Workspace."""
        key = _key(before, after)
        # The index first: a pass that begins at once may ask it.
        self._index.note(key, after)
        self._queue.add(key, Line.NEW if before is None else Line.MOVED)

    def owner(self, find_owner: FindOwner, line: Line) -> Change:
        """Return the handler of a change of an object, which calls its owner in ``line``."""

        def changed(before: Object | None, after: Object | None) -> None:
            for key in _owners(find_owner, before, after):
                self._queue.add(key, line)

        return changed

    def owner_of_deleted(self, find_owner: FindOwner) -> Change:
        """Return the handler that calls the owner of an object once that is gone."""

        def changed(before: Object | None, after: Object | None) -> None:
            if after is None:
                for key in _owners(find_owner, before, after):
                    self._queue.add(key)

        return changed

    def node(self, before: Object | None, after: Object | None) -> None:
        """Handle a change of a node."""
        labels = [node["metadata"].get("labels") or {} for node in (before, after) if node is not None]
        for key in self._index.in_nodes(labels):
            self._queue.add(key, Line.MOVED)

    def config(self, before: Object | None, after: Object | None) -> None:
        """Handle a change of a ConfigMap."""
        for key in self._index.in_config(_key(before, after)):
            self._queue.add(key)


def _key(before: Object | None, after: Object | None) -> Key:
    live = after if after is not None else before
    assert live is not None
    return key_of(live)


def _owners(find_owner: FindOwner, before: Object | None, after: Object | None) -> set[Key]:
    keys = (find_owner(live) for live in (before, after) if live is not None)
    return {key for key in keys if key is not None}
