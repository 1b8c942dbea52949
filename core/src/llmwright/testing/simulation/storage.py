"""The objects of the simulated cluster: versions, finalizers, owners, and the history that watches read."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal

from llmwright.testing.simulation import field_ownership as ownership
from llmwright.testing.simulation.kinds import Kind

Object = dict[str, Any]
Name = tuple[str, str]
"""Namespace (empty for a kind without) and name."""

Mode = Literal["Apply", "Update"]


class Refused(Exception):
    """The API server's answer of 400 or above."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


def not_found(kind: Kind, name: str) -> Refused:
    """Return the answer for an object that is not there."""
    return Refused(404, "NotFound", f'{kind} "{name}" not found')


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a watch: ``before`` is None for a new object, ``after`` None for a deleted one."""

    version: int
    kind: Kind
    before: Object | None
    after: Object | None

    @property
    def object(self) -> Object:
        """The object as the event carries it: one that is deleted has the version of its deletion."""
        if self.after is not None:
            return self.after
        before = self.before or {}
        return {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}}


class Storage:
    """All objects of one cluster. Every write is one Change, with the next version.

    Args:
        now: the time of the cluster, for timestamps.
        seed: names the uids, so that a schedule is the same each time.
    """

    def __init__(self, now: Callable[[], datetime], seed: int = 0) -> None:
        self._now, self._random = now, Random(seed)  # noqa: S311 - no secret
        self._objects: dict[Kind, dict[Name, Object]] = {}
        self.version = 1
        self.compacted = 0
        """Changes up to this version are forgotten: a watch from before gets 410."""
        self.forgotten: dict[Kind, int] = {}
        """The last change of each kind that is forgotten: a watch that did not get it can get it no more."""
        self.history: dict[Kind, list[Change]] = {}
        """The changes of each kind since ``compacted``, the oldest first."""
        self.changed: Callable[[Change], None] = lambda _: None

    def all(self, kind: Kind) -> list[Object]:
        """Return all objects of a kind, by namespace and name."""
        return [found for _, found in sorted(self._objects.get(kind, {}).items())]

    def everything(self) -> Iterator[tuple[Kind, Object]]:
        """Yield every object with its kind."""
        yield from ((kind, found) for kind, objects in self._objects.items() for found in [*objects.values()])

    def find(self, kind: Kind, name: Name) -> Object | None:
        """Return one object."""
        return self._objects.get(kind, {}).get(name)

    def get(self, kind: Kind, name: Name) -> Object:
        """Return one object; Refused (404) where it is not there."""
        found = self.find(kind, name)
        if found is None:
            raise not_found(kind, name[1])
        return found

    def create(self, kind: Kind, body: Mapping[str, Any], manager: str, mode: Mode = "Update") -> Object:
        """Store a new object."""
        name = _name_of(kind, body)
        if self.find(kind, name) is not None:
            raise Refused(409, "AlreadyExists", f'{kind} "{name[1]}" already exists')
        new = _copied(body)
        metadata = new["metadata"]
        metadata.update(
            uid=str(uuid.UUID(int=self._random.getrandbits(128))),
            creationTimestamp=self._moment(),
            generation=1,
            managedFields=[self._entry(manager, mode, ownership.fields_of(body))],
        )
        if kind.has_status:
            new.pop("status", None)
        return self._write(kind, name, None, new)

    def update(self, kind: Kind, name: Name, after: Object, manager: str, *, part: str = "") -> Object:
        """Store ``after`` in place of what is there: the status alone with ``part="status"``, else all but that."""
        before = self.get(kind, name)
        _refuse_conflict(kind, before, after)
        new = self._parts(kind, before, after, part)
        if part != "status":
            taken = ownership.changed(before, new)
            entries = _others(before, manager, "Update", taken)
            own = ownership.union(_owned_by(before, manager, "Update"), taken)
            new["metadata"]["managedFields"] = [*entries, *([self._entry(manager, "Update", own)] if own else [])]
        return self._store(kind, name, before, new)

    def apply(self, kind: Kind, name: Name, body: Mapping[str, Any], manager: str) -> Object:
        """Server-side apply with force: exactly the fields of ``body`` are the manager's afterwards."""
        before = self.find(kind, name)
        if before is None:
            return self.create(kind, body, manager, "Apply")
        own = ownership.fields_of(body)
        dropped = ownership.without(_owned_by(before, manager, "Apply"), own)
        kept_by_others = ownership.union(*(entry["fieldsV1"] for entry in _others(before, manager, "Apply", {})))
        pruned = ownership.pruned(before, ownership.without(dropped, kept_by_others))
        merged = ownership.merged(pruned, {key: value for key, value in body.items() if key != "status"})
        taken = ownership.changed(before, merged)
        new = self._parts(kind, before, merged, "")
        entries = _others(before, manager, "Apply", taken)
        new["metadata"]["managedFields"] = [*entries, self._entry(manager, "Apply", own)]
        return self._store(kind, name, before, new)

    def delete(self, kind: Kind, name: Name, uid: str | None = None) -> Object:
        """Delete an object, or mark it where finalizers hold it."""
        before = self.get(kind, name)
        if uid is not None and before["metadata"]["uid"] != uid:
            message = (
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['metadata']['uid']}"
            )
            raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name[1]}": {message}')
        if not before["metadata"].get("finalizers"):
            self._remove(kind, name, before)
            return before
        if "deletionTimestamp" in before["metadata"]:
            return before
        new = _copied(before)
        new["metadata"] |= {"deletionTimestamp": self._moment(), "deletionGracePeriodSeconds": 0}
        new["metadata"]["generation"] += 1
        return self._write(kind, name, before, new)

    def put(self, kind: Kind, name: Name, body: Mapping[str, Any]) -> None:
        """Store an object as it is: one that others keep, and that is only shown here."""
        before, new = self.find(kind, name), _copied(body)
        new["metadata"].setdefault("uid", str(uuid.UUID(int=self._random.getrandbits(128))))
        self._write(kind, name, before, new)

    def drop(self, kind: Kind, name: Name) -> None:
        """Take away an object that others keep, whatever its finalizers say."""
        before = self.find(kind, name)
        if before is not None:
            self._remove(kind, name, before)

    def compact(self) -> None:
        """Forget the history, as etcd does every five minutes."""
        self.compacted = self.version
        self.forgotten |= {kind: changes[-1].version for kind, changes in self.history.items() if changes}
        self.history.clear()

    def collect_garbage(self) -> bool:
        """Delete one object whose owners are all gone; False where there is none."""
        everything = [*self.everything()]
        alive = {found["metadata"]["uid"] for _, found in everything}
        for kind, found in everything:
            owners = found["metadata"].get("ownerReferences") or []
            left = owners and not any(owner["uid"] in alive for owner in owners)
            if left and "deletionTimestamp" not in found["metadata"]:
                self.delete(kind, _name_of(kind, found))
                return True
        return False

    def _parts(self, kind: Kind, before: Object, after: Object, part: str) -> Object:
        new = _copied(before if part == "status" else after)
        if part == "status":
            new["status"] = after.get("status", {})
        elif kind.has_status:
            new.pop("status", None)
            if "status" in before:
                new["status"] = before["status"]
        kept = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion", "managedFields")
        for field in kept:
            new["metadata"].pop(field, None)
            if field in before["metadata"]:
                new["metadata"][field] = before["metadata"][field]
        return new

    def _store(self, kind: Kind, name: Name, before: Object, new: Object) -> Object:
        _refuse_frozen(kind, before, new)
        entries = new["metadata"]["managedFields"]
        new["metadata"]["managedFields"] = sorted(entries, key=lambda entry: (entry["manager"], entry["operation"]))
        if before == new:
            return before  # A write that changes nothing has no version of its own.
        if any(before.get(field) != new.get(field) for field in (*before, *new) if field not in ("metadata", "status")):
            new["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            self._remove(kind, name, before)
            return new
        return self._write(kind, name, before, new)

    def _write(self, kind: Kind, name: Name, before: Object | None, after: Object) -> Object:
        self.version += 1
        after["metadata"]["resourceVersion"] = str(self.version)
        self._objects.setdefault(kind, {})[name] = after
        self._record(Change(self.version, kind, before, after))
        return after

    def _remove(self, kind: Kind, name: Name, before: Object) -> None:
        self.version += 1
        del self._objects[kind][name]
        self._record(Change(self.version, kind, before, None))

    def _record(self, change: Change) -> None:
        self.history.setdefault(change.kind, []).append(change)
        self.changed(change)

    def _moment(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _entry(self, manager: str, mode: Mode, fields: ownership.Tree) -> Object:
        return {"manager": manager, "operation": mode, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _name_of(kind: Kind, body: Mapping[str, Any]) -> Name:
    metadata = body["metadata"]
    return (metadata.get("namespace", "default") if kind.namespaced else "", metadata["name"])


def _owned_by(found: Object, manager: str, mode: Mode) -> ownership.Tree:
    for entry in found["metadata"].get("managedFields", ()):
        if (entry["manager"], entry["operation"]) == (manager, mode):
            return dict(entry["fieldsV1"])
    return {}


def _others(found: Object, manager: str, mode: Mode, taken: ownership.Tree) -> list[Object]:
    """Return the entries of all other managers, without the fields that were taken from them."""
    left = []
    for entry in found["metadata"].get("managedFields", ()):
        if (entry["manager"], entry["operation"]) != (manager, mode):
            fields = ownership.without(entry["fieldsV1"], taken)
            if fields:
                left.append({**entry, "fieldsV1": fields})
    return left


def _refuse_conflict(kind: Kind, before: Object, after: Mapping[str, Any]) -> None:
    version = after["metadata"].get("resourceVersion")
    if version not in (None, "", before["metadata"]["resourceVersion"]):
        name = before["metadata"]["name"]
        message = "the object has been modified; please apply your changes to the latest version and try again"
        raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name}": {message}')


def _refuse_frozen(kind: Kind, before: Object, after: Object) -> None:
    old, new = before.get("spec") or {}, after.get("spec") or {}
    moved = {field for field in {*old, *new} if old.get(field) != new.get(field)}
    name = before["metadata"]["name"]
    if kind.only and moved - kind.only:
        text = f"updates to {kind.kind.lower()} spec for fields other than {sorted(kind.only)} are forbidden"
        raise Refused(422, "Invalid", f'{kind.kind}.{kind.group} "{name}" is invalid: spec: Forbidden: {text}')
    if moved & kind.frozen:
        field = sorted(moved & kind.frozen)[0]
        text = f"spec.{field}: Invalid value: field is immutable"
        raise Refused(422, "Invalid", f'{kind.kind}.{kind.group} "{name}" is invalid: {text}')


def _copied(found: Mapping[str, Any]) -> Object:
    """Return a copy whose own and metadata's fields can be set. What is stored is never changed below that."""
    return {**found, "metadata": {**found["metadata"]}}
