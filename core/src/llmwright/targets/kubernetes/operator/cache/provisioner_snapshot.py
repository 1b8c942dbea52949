"""The nodes, and the objects of the kinds that provisioners watch: the ``Snapshot`` that provisioners read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from llmwright.targets.kubernetes.cluster.api_resources import EVENTS, NODES, Resource
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.targets.kubernetes.cluster.object_cache import Change, Key, key_of
from llmwright.targets.kubernetes.cluster.workqueue import Line
from llmwright.targets.kubernetes.operator.cache import projection
from llmwright.targets.kubernetes.operator.cache.enqueue import Enqueue
from llmwright.targets.kubernetes.operator.cache.informer_set import InformerSet
from llmwright.targets.kubernetes.operator.cache.interest_index import InterestIndex
from llmwright.targets.kubernetes.operator.cache.owner_reference import FindOwner, by_labels, involved_name
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.values.nodes import Watch

Object = dict[str, Any]


class ClusterSnapshot:
    """Reads caches alone. What a provisioner watches begins to be listed when it is first wanted.

    Events about objects that are gone are for the Workspaces whose records in ``memory`` know these objects.
    """

    def __init__(self, informers: InformerSet, enqueue: Enqueue, index: InterestIndex, memory: Memory) -> None:
        self._informers, self._enqueue, self._index, self._memory = informers, enqueue, index, memory
        self._nodes = informers.need(Selection(resource=NODES, trim=projection.project_node), enqueue.node)
        self._wanted: dict[Watch, Informer] = {}
        self._events: dict[str, Informer] = {}
        self._lock = threading.Lock()

    def want(self, watch: Watch) -> bool:
        """Begin to watch what a provisioner names, unless that has begun; return whether it is listed."""
        if (watch.group, watch.plural) == (NODES.group, NODES.plural) or watch.labels is None:
            if watch.labels is not None:
                self._index.note_owner_labels(watch.labels)
            return True
        with self._lock:
            if watch not in self._wanted:
                self._wanted[watch] = self._begin(watch, watch.labels)
            if watch.events_of and watch.events_of not in self._events:
                self._events[watch.events_of] = self._begin_events(watch.events_of)
            return self._wanted[watch].synced

    @staticmethod
    def may_hide(watches: Iterable[Watch]) -> bool:
        """Return whether the caches may lack what a provisioner made: objects of its own, found by labels."""
        return any(watch.labels is not None and watch.plural != NODES.plural for watch in watches)

    def look(self, watches: Iterable[Watch], owner: Key) -> None:
        """Read what a provisioner made for one Workspace past the caches, and let them know it. Nodes are left out.

        Raises:
            ApiError: it could not be listed.
        """
        for watch in watches:
            with self._lock:
                informer = self._wanted.get(watch)
            if informer is not None and watch.labels is not None:
                informer.look(dict(zip(watch.labels, owner, strict=True)))

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the nodes that carry all of ``labels``."""
        return self._nodes.store.labelled(labels or {})

    def node(self, name: str) -> Mapping[str, Any] | None:
        """Return one node; None where there is none of that name."""
        return self._nodes.store.get("", name)

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a provisioner's kind that belong to one Workspace."""
        live = {
            key_of(item): item
            for informer in self._of_kind(group, plural)
            for item in informer.store.of((namespace, workspace))
        }
        return [live[key] for key in sorted(live)]

    def every(self, group: str, plural: str) -> Sequence[Mapping[str, Any]]:
        """Return all objects of a provisioner's kind."""
        live = {key_of(item): item for informer in self._of_kind(group, plural) for item in informer.store.all()}
        return [live[key] for key in sorted(live)]

    def events(self, kind: str, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the Warning Events about the objects of a provisioner's kind that have this name, oldest first."""
        informer = self._events.get(kind)
        return sorted(informer.store.of(("", name)), key=lambda event: str(event["at"])) if informer else ()

    def served(self, group: str, plural: str) -> bool:
        """Return whether the cluster serves a provisioner's kind."""
        return any(informer.served for informer in self._of_kind(group, plural))

    def _of_kind(self, group: str, plural: str) -> list[Informer]:
        with self._lock:
            wanted = list(self._wanted.items())
        return [informer for watch, informer in wanted if (watch.group, watch.plural) == (group, plural)]

    def _begin(self, watch: Watch, labels: tuple[str, str]) -> Informer:
        owner, resource = by_labels(labels), Resource(watch.group, watch.version, watch.plural)
        selection = Selection(resource=resource, labels=labels[1], trim=projection.project, owner=owner)
        changed = self._enqueue.owner(owner, Line.MOVED)
        if watch.events_of:
            changed = self._noting_former(watch.events_of, owner, changed)
        return self._informers.begin(selection, changed, self._enqueue.everybody)

    def _noting_former(self, kind: str, owner: FindOwner, changed: Change) -> Change:
        """Return ``changed`` for a kind of which Events tell: they may come after the object that they are about."""

        def noted(before: Object | None, after: Object | None) -> None:
            key = owner(before) if before is not None and after is None else None
            record = self._memory.find(key) if key is not None else None
            if before is not None and record is not None:
                record.note_former(kind, before["metadata"]["name"])
            changed(before, after)

        return noted

    def _begin_events(self, kind: str) -> Informer:
        fields = f"involvedObject.kind={kind},type=Warning"
        selection = Selection(resource=EVENTS, fields=fields, trim=projection.project_event, owner=involved_name)
        # Nothing waits for them: they only explain, and the operator may have no right to them. Once they are listed,
        # all are called: of an object that went before this process began, nobody here knows whose it was.
        return self._informers.begin(selection, partial(self._event_changed, kind), self._enqueue.everybody)

    def _event_changed(self, kind: str, _: Object | None, after: Object | None) -> None:
        if after is None:
            return
        about = after["involvedObject"]
        place = about.get("namespace", ""), about.get("name", "")
        for key in {*self._memory.with_former(kind, place[1]), *self._owners_of(kind, place)}:
            self._enqueue.call(key)

    def _owners_of(self, kind: str, place: Key) -> list[Key]:
        with self._lock:
            wanted = [(watch, informer) for watch, informer in self._wanted.items() if watch.events_of == kind]
        live = ((watch.labels, informer.store.get(*place)) for watch, informer in wanted)
        owners = (by_labels(labels)(dict(item)) for labels, item in live if labels is not None and item is not None)
        return [owner for owner in owners if owner is not None]
