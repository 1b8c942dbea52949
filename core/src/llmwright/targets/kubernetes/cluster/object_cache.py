"""What is known of one kind: objects by name, fed by a watch and by the answers to our own writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for kinds without) and name."""

Change = Callable[[Object | None, Object | None], None]
"""Called with the object before and after; one of them is None where it came or went."""


def key_of(found: Object) -> Key:
    """Where an object lies."""
    metadata = found["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version_of(found: Object) -> int:
    """The resource version as a number: of two states of one object the greater is the later (KEP-5504)."""
    text = str(found["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


class ObjectCache:
    """Trimmed objects of one kind.

    A write's answer is put in at once, so that a pass never sees a state from before its own writes; what a late
    watch still tells of before is left aside.
    """

    def __init__(
        self, trim: Callable[[Object], Object], changed: Change, index: Callable[[Object], Key | None]
    ) -> None:
        self._trim, self._changed, self._index = trim, changed, index
        self._objects: dict[Key, Object] = {}
        self._owned: dict[Key, dict[Key, Object]] = {}
        self._labelled: dict[frozenset[tuple[str, str]], list[Object]] = {}
        self._lock = threading.Lock()

    def get(self, namespace: str, name: str) -> Object | None:
        """One object; not to be changed."""
        return self._objects.get((namespace, name))

    def all(self) -> list[Object]:
        """All objects in the order of their names."""
        with self._lock:
            return [self._objects[key] for key in sorted(self._objects)]

    def of(self, owner: Key) -> list[Object]:
        """Those that belong to ``owner``, in the order of their names."""
        with self._lock:
            found = self._owned.get(owner, {})
            return [found[key] for key in sorted(found)]

    def labelled(self, labels: Mapping[str, str]) -> list[Object]:
        """Those that carry all of ``labels``, in the order of their names; remembered until an object changes."""
        wanted = frozenset(labels.items())
        with self._lock:
            if wanted not in self._labelled:
                found = (self._objects[key] for key in sorted(self._objects))
                self._labelled[wanted] = [one for one in found if wanted <= _labels(one).items()]
            return self._labelled[wanted]

    def owners(self) -> list[Key]:
        """All to whom something belongs, in the order of their names."""
        with self._lock:
            return sorted(owner for owner, found in self._owned.items() if found)

    def put(self, found: Object, *, expected: Object | None = None) -> None:
        """A state that was read or written, unless a later one is known.

        ``expected`` is what a write of ours was to make of the object: that is no news. Whatever else its answer
        holds is told of here, for a watch will not tell of it again.
        """
        after = self._trim(found)
        key = key_of(after)
        with self._lock:
            before = self._objects.get(key)
            if before is not None and version_of(before) >= version_of(after):
                return
            self._set(key, before, after)
        if not self._is_known(before, after, expected):
            self._changed(before, after)

    def _is_known(self, before: Object | None, after: Object, expected: Object | None) -> bool:
        if expected is not None and _same(self._trim(expected), after):
            return True
        return before is not None and _same(before, after)

    def remove(self, found: Object) -> None:
        """It is gone, unless one of that name came after it."""
        key = key_of(found)
        with self._lock:
            before = self._objects.get(key)
            if before is None or version_of(before) > version_of(found):
                return
            self._drop(key, before)
        self._changed(before, None)

    def leaving(self, namespace: str, name: str, moment: str) -> None:
        """It was asked to go at ``moment``, and nothing more needs to be done about it."""
        with self._lock:
            before = self._objects.get((namespace, name))
            if before is not None:
                metadata = {"deletionTimestamp": moment, **before["metadata"]}
                self._set((namespace, name), before, {**before, "metadata": metadata})

    def forget(self, namespace: str, name: str) -> None:
        """A write was told that it is not there."""
        with self._lock:
            before = self._objects.get((namespace, name))
            if before is None:
                return
            self._drop((namespace, name), before)
        self._changed(before, None)

    def replace(self, found: Iterable[Object], version: int) -> None:
        """All that there is as of ``version``; what was written after it stays."""
        listed = set()
        for item in found:
            listed.add(key_of(item))
            self.put(item)
        with self._lock:
            gone = [item for key, item in self._objects.items() if key not in listed and version_of(item) <= version]
        for item in gone:
            self.remove(item)

    def clear(self) -> None:
        """The kind is no longer served."""
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
        owner = self._index(before)
        owned = self._owned.get(owner) if owner is not None else None
        if owner is not None and owned is not None:
            owned.pop(key, None)
            if not owned:
                del self._owned[owner]


def _labels(found: Object) -> Mapping[str, str]:
    return found["metadata"].get("labels") or {}


def _same(before: Object, after: Object) -> bool:
    """Whether nothing but the resource version differs, as after a heartbeat."""
    return _bare(before) == _bare(after)


def _bare(found: Object) -> Object:
    metadata = {name: value for name, value in found["metadata"].items() if name != "resourceVersion"}
    return {**found, "metadata": metadata}
