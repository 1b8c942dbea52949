"""A snapshot made of plain objects: a cluster's caches in tests, and a cluster that was listed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmwright.values.nodes import Watch
from llmwright.values.snapshot import Snapshot

Object = Mapping[str, Any]


@dataclass(frozen=True)
class ObjectSnapshot(Snapshot):
    """``everything`` by (group, plural), as a target's caches would give it for a driver with these ``watches``.

    ``told`` are Events, as ``Snapshot.events`` gives them.
    """

    watches: tuple[Watch, ...] = ()
    everything: Mapping[tuple[str, str], Sequence[Object]] = field(default_factory=dict)
    missing: frozenset[tuple[str, str]] = frozenset()
    told: Sequence[Object] = ()

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Object]:
        """Return the nodes with all of ``labels``."""
        selector = (labels or {}).items()
        objects = self.everything.get(("", "nodes"), ())
        return sorted((each for each in objects if selector <= _labels(each).items()), key=_name)

    def node(self, name: str) -> Object | None:
        """One node."""
        return next((each for each in self.nodes() if _name(each) == name), None)

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Object]:
        """Return the objects that carry the owner labels of a Watch of the kind."""
        pairs = [w.labels for w in self.watches if (w.group, w.plural) == (group, plural) and w.labels]
        objects = self.everything.get((group, plural), ())
        return sorted((each for each in objects if _owned(each, pairs, namespace, workspace)), key=_name)

    def every(self, group: str, plural: str) -> Sequence[Object]:
        """Return all objects of a kind."""
        return sorted(self.everything.get((group, plural), ()), key=_name)

    def events(self, kind: str, name: str) -> Sequence[Object]:
        """Return the Events about that object, for a kind that a Watch names."""
        if kind not in {watch.events_of for watch in self.watches}:
            return ()
        about = [each for each in self.told if _involved(each) == (kind, name)]
        return sorted(about, key=lambda each: str(each["at"]))

    def served(self, group: str, plural: str) -> bool:
        """Whether the kind is there."""
        return (group, plural) not in self.missing


def _name(manifest: Object) -> str:
    return str(manifest["metadata"]["name"])


def _involved(event: Object) -> tuple[str, str]:
    return event["involvedObject"]["kind"], event["involvedObject"]["name"]


def _labels(manifest: Object) -> Mapping[str, str]:
    return manifest["metadata"].get("labels") or {}


def _owned(manifest: Object, pairs: Iterable[tuple[str, str]], namespace: str, workspace: str) -> bool:
    labels = _labels(manifest)
    return any((labels.get(space), labels.get(name)) == (namespace, workspace) for space, name in pairs)
