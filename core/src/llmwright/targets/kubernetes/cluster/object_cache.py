"""The cache of one kind: projections of its objects, fed by a watch and by the answers to our own writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for a kind without namespaces) and name."""

Change = Callable[[Object | None, Object | None], None]
"""Called with an object before and after a change: None before it came, None after it went."""


def key_of(manifest: Object) -> Key:
    """Return namespace and name."""
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version_of(manifest: Object) -> int:
    """Return the resource version as a number: of two states of an object, the greater is the later (KEP-5504)."""
    text = str(manifest["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


class ObjectCache:
    """Objects of one kind, by name and by owner.

    The answer to a write goes into the cache at once, so that the next pass sees the write. Without that, a pass could
    repeat what the one before has just done. The watch reports states from before the write later; they are older, and
    are dropped.
    """

    def __init__(
        self, trim: Callable[[Object], Object], changed: Change, index: Callable[[Object], Key | None]
    ) -> None:
        """Make an empty cache.

        Args:
            trim: makes the projection: the part of an object that the cache keeps.
            changed: called after each change, outside of the lock.
            index: returns the owner of an object.
        """
        self._trim, self._changed, self._index = trim, changed, index
        self._objects: dict[Key, Object] = {}
        self._owned: dict[Key, dict[Key, Object]] = {}
        self._labelled: dict[frozenset[tuple[str, str]], list[Object]] = {}
        self._followed = 0
        self._lock = threading.Lock()

    def get(self, namespace: str, name: str) -> Object | None:
        """Return one object, which the caller must not change."""
        return self._objects.get((namespace, name))

    def all(self) -> list[Object]:
        """Return all objects, sorted by name."""
        with self._lock:
            return [self._objects[key] for key in sorted(self._objects)]

    def of(self, owner: Key) -> list[Object]:
        """Return the objects of ``owner``, sorted by name."""
        with self._lock:
            owned = self._owned.get(owner, {})
            return [owned[key] for key in sorted(owned)]

    def labelled(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the objects with all of ``labels``, sorted by name. The result is kept until an object changes."""
        wanted = frozenset(labels.items())
        with self._lock:
            if wanted not in self._labelled:
                candidates = (self._objects[key] for key in sorted(self._objects))
                self._labelled[wanted] = [item for item in candidates if wanted <= _labels(item).items()]
            return self._labelled[wanted]

    def owners(self) -> list[Key]:
        """Return all owners of objects, sorted by name."""
        with self._lock:
            return sorted(owner for owner, owned in self._owned.items() if owned)

    def put(self, manifest: Object, *, expected: Object | None = None) -> None:
        """Store a state of an object, unless a later one is known, and report a change.

        Args:
            manifest: as the API server returned it.
            expected: the state that our own write was to produce; None for a state from the watch. A state that is as
                expected is no change. Any other difference in the answer is somebody else's change. It is reported
                here, because the watch brings only later states.
        """
        after = self._trim(manifest)
        key = key_of(after)
        with self._lock:
            before = self._objects.get(key)
            # An answer that is older than what the watch has told: the object went while the answer was on its way.
            known = self._followed if before is None else version_of(before)
            if 0 < version_of(after) <= known:
                return
            self._set(key, before, after)
        if not self._is_known(before, after, expected):
            self._changed(before, after)

    def _is_known(self, before: Object | None, after: Object, expected: Object | None) -> bool:
        if expected is not None and _same(self._trim(expected), after):
            return True
        return before is not None and _same(before, after)

    def remove(self, manifest: Object) -> None:
        """Remove an object that was deleted, unless a later one of its name is known."""
        key = key_of(manifest)
        with self._lock:
            before = self._objects.get(key)
            if before is None or version_of(before) > version_of(manifest):
                return
            self._drop(key, before)
        self._changed(before, None)

    def followed(self, version: int) -> None:
        """Note that all changes up to ``version`` have been stored: what is not here by then is gone."""
        with self._lock:
            self._followed = max(self._followed, version)

    def mark_deleting(self, namespace: str, name: str, timestamp: str) -> None:
        """Set the deletion timestamp of an object whose deletion was accepted; no change is reported.

        The watch confirms it later. Until then this mark keeps the next pass from deleting the object again.
        """
        with self._lock:
            before = self._objects.get((namespace, name))
            if before is not None:
                metadata = {"deletionTimestamp": timestamp, **before["metadata"]}
                self._set((namespace, name), before, {**before, "metadata": metadata})

    def forget(self, namespace: str, name: str, uid: str) -> None:
        """Remove the object of that ``uid``, which a write did not find or ended."""
        with self._lock:
            before = self._objects.get((namespace, name))
            # The watch may be ahead of the write's answer, and know an object already that took the name since.
            if before is None or before["metadata"]["uid"] != uid:
                return
            self._drop((namespace, name), before)
        self._changed(before, None)

    def replace(self, manifests: Iterable[Object], version: int) -> None:
        """Make the cache equal to a list that was read at ``version``. Objects that were written later stay."""
        listed = set()
        with self._lock:
            self._followed = 0
        for item in manifests:
            listed.add(key_of(item))
            self.put(item)
        self.followed(version)
        with self._lock:
            gone = [item for key, item in self._objects.items() if key not in listed and version_of(item) <= version]
        for item in gone:
            self.remove(item)

    def clear(self) -> None:
        """Remove all objects, because the cluster no longer serves the kind."""
        for item in self.all():
            self.remove(item)

    def __len__(self) -> int:
        return len(self._objects)

    def _set(self, key: Key, before: Object | None, after: Object) -> None:
        if before is not None:
            self._drop(key, before)
        self._objects[key] = after
        self._labelled.clear()
        owner = self._index(after)
        if owner is not None:
            self._owned.setdefault(owner, {})[key] = after

    def _drop(self, key: Key, before: Object) -> None:
        del self._objects[key]
        self._labelled.clear()
        # The owner of the stored state, not of a new one: a label may have moved the object to another owner.
        owner = self._index(before)
        owned = self._owned.get(owner) if owner is not None else None
        if owner is not None and owned is not None:
            owned.pop(key, None)
            if not owned:
                del self._owned[owner]


def _labels(manifest: Object) -> Mapping[str, str]:
    return manifest["metadata"].get("labels") or {}


def _same(before: Object, after: Object) -> bool:
    """Return whether only the resource version differs, as it does after a heartbeat."""
    return _without_version(before) == _without_version(after)


def _without_version(manifest: Object) -> Object:
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "resourceVersion"}
    return {**manifest, "metadata": metadata}
