"""Everything that a pass reads, and which names are to be looked at when something moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from llmwright.targets.kubernetes.cluster import api_resources as kinds
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.targets.kubernetes.cluster.object_cache import Key, ObjectCache, key_of
from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL
from llmwright.targets.kubernetes.operator.cache import projection as trimming
from llmwright.targets.kubernetes.operator.cache.index import Interests
from llmwright.targets.kubernetes.operator.cache.owner_reference import (
    REVISION_OWNER,
    Belonging,
    about,
    by_label,
    by_labels,
    scaled_by,
)
from llmwright.targets.kubernetes.operator.observe.event_causes import REASONS
from llmwright.values.nodes import Watch

Object = dict[str, Any]

TOLD_OF = {"StatefulSet": kinds.STATEFULSETS, "Job": kinds.JOBS, "Pod": kinds.PODS}
"""Our children that Events are read of."""


class Caches:
    """The informers of one operator. Those of drivers and of ConfigMaps begin when they are first wanted.

    It is the Snapshot that provisioners read.
    """

    def __init__(self, api: Api, queue: Workqueue) -> None:
        self._api, self._queue = api, queue
        self.interests = Interests()
        owned, children = by_label(WORKSPACE_LABEL), self._child_moved
        self._workspaces = Informer(
            api, Selection(resource=kinds.WORKSPACES, trim=trimming.trim), self._workspace_moved
        )
        self._of: dict[Resource, Informer] = {}
        for resource, trim in (
            (kinds.STATEFULSETS, trimming.trim),
            (kinds.JOBS, trimming.trim_job),
            (kinds.PODS, trimming.trim_pod),
            (kinds.SERVICES, trimming.trim_service),
        ):
            selection = Selection(resource=resource, labels=WORKSPACE_LABEL, trim=trim, owner=owned)
            self._of[resource] = Informer(api, selection, self._moved_for(owned, children))
        revisions = by_label(REVISION_OWNER)
        selection = Selection(
            resource=kinds.CONTROLLER_REVISIONS, labels=REVISION_OWNER, trim=trimming.trim_revision, owner=revisions
        )
        self._of[kinds.CONTROLLER_REVISIONS] = Informer(
            api, selection, self._moved_for(revisions, self._revision_moved)
        )
        selection = Selection(resource=kinds.AUTOSCALERS, trim=trimming.trim_autoscaler, owner=scaled_by)
        self._autoscalers = Informer(api, selection, self._moved_for(scaled_by, children))
        self._nodes = Informer(api, Selection(resource=kinds.NODES, trim=trimming.trim_node), self._node_moved)
        self._node_labels: frozenset[tuple[str, str]] = frozenset()
        self._events = [
            Informer(
                api,
                Selection(resource=kinds.EVENTS, fields=f"reason={reason}", trim=trimming.trim_event, owner=about),
                self._moved_for(self._told_of, children),
            )
            for reason in REASONS
        ]
        self._configs: Informer | None = None
        self._driven: dict[Watch, Informer] = {}
        self._brought: dict[Resource, Informer] = {}
        self._lock = threading.Lock()

    @property
    def workspaces(self) -> ObjectCache:
        """All Workspaces, whole."""
        return self._workspaces.store

    def of(self, resource: Resource) -> ObjectCache:
        """Our children of one kind, by the Workspace that owns them."""
        return self.owned(resource).store

    @property
    def autoscalers(self) -> ObjectCache:
        """All of the cluster, by the Workspace whose server they set the size of."""
        return self._autoscalers.store

    def owned(self, resource: Resource) -> Informer:
        """What watches our children of one kind; of one that is not the core's it begins when first wanted."""
        found = self._of.get(resource) or self._brought.get(resource)
        if found is not None:
            return found
        owner = by_label(WORKSPACE_LABEL)
        selection = Selection(resource=resource, labels=WORKSPACE_LABEL, trim=trimming.trim_owned, owner=owner)
        with self._lock:
            found = self._brought.get(resource)
            if found is None:
                changed = self._moved_for(owner, self._child_moved)
                found = self._brought[resource] = Informer(self._api, selection, changed, self.everybody)
                found.start()
        return found

    def listed(self, resources: Iterable[Resource]) -> bool:
        """Whether our children of these kinds are known, as far as they may be seen."""
        informers = [self.owned(resource) for resource in resources]
        return all(informer.synced or informer.refused for informer in informers)

    def said(self, found: Mapping[str, Any]) -> list[Object]:
        """The Events of ``REASONS`` about one of our children; none where we may not see Events."""
        metadata = found["metadata"]
        key = metadata["namespace"], metadata.get("uid", "")
        return [event for informer in self._events for event in informer.store.of(key)]

    def start(self) -> None:
        """Begin to list and watch. Events only explain: nothing waits for them."""
        for informer in (*self._all(), *self._events):
            informer.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is listed; False where that takes too long."""
        end = time.monotonic() + timeout_s
        return all(informer.wait(max(end - time.monotonic(), 0.0)) for informer in self._all())

    @property
    def synced(self) -> bool:
        """Whether all is listed."""
        return all(informer.synced for informer in self._all())

    @property
    def pending(self) -> str:
        """What has not been listed yet, and why."""
        return "; ".join(filter(None, (informer.pending for informer in self._all())))

    def stop(self) -> None:
        """Take no further news."""
        begun = (*self._driven.values(), *self._brought.values(), *([self._configs] if self._configs else []))
        for informer in (*self._all(), *self._events, *begun):
            informer.stop()

    def want(self, watch: Watch) -> bool:
        """Whether what a driver watches is listed; begins to where nobody has."""
        if (watch.group, watch.plural) == (kinds.NODES.group, kinds.NODES.plural) or watch.labels is None:
            if watch.labels is not None:
                self._node_labels |= {watch.labels}
            return True
        with self._lock:
            found = self._driven.get(watch)
            if found is None:
                found = self._driven[watch] = self._driven_by(watch, watch.labels)
                found.start()
        return found.synced

    def strays(self) -> list[Key]:
        """The Workspaces that objects of drivers were made for and that are not there."""
        with self._lock:
            stores = [informer.store for informer in self._driven.values()]
        owners = {owner for store in stores for owner in store.owners()}
        return sorted(owner for owner in owners if self.workspaces.get(*owner) is None)

    def configs(self) -> Informer:
        """Names and versions of all ConfigMaps; begins to watch them where nobody has."""
        with self._lock:
            if self._configs is None:
                selection = Selection(resource=kinds.CONFIG_MAPS, trim=trimming.trim_config, metadata_only=True)
                self._configs = Informer(self._api, selection, self._config_moved, self.everybody)
                self._configs.start()
            return self._configs

    def call(self, key: Key) -> None:
        """Have one Workspace looked at soon: something it waited for is done."""
        self._queue.add(key, Line.MOVED)

    def everybody(self) -> None:
        """Have every Workspace looked at."""
        for found in self.workspaces.all():
            self._queue.add(key_of(found))

    # What follows is the Snapshot.

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Those that carry all of ``labels``."""
        return self._nodes.store.labelled(labels or {})

    def node(self, name: str) -> Mapping[str, Any] | None:
        """One node, None where there is none of that name."""
        return self._nodes.store.get("", name)

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """Objects of a driver's kind that belong to one Workspace."""
        found = {
            key_of(one): one
            for informer in self._informers(group, plural)
            for one in informer.store.of((namespace, workspace))
        }
        return [found[key] for key in sorted(found)]

    def served(self, group: str, plural: str) -> bool:
        """Whether the cluster serves a driver's kind."""
        return any(informer.served for informer in self._informers(group, plural))

    def _informers(self, group: str, plural: str) -> list[Informer]:
        with self._lock:
            found = list(self._driven.items())
        return [informer for watch, informer in found if (watch.group, watch.plural) == (group, plural)]

    def _all(self) -> list[Informer]:
        return [self._workspaces, *self._of.values(), self._autoscalers, self._nodes]

    def _driven_by(self, watch: Watch, labels: tuple[str, str]) -> Informer:
        owner = by_labels(labels)
        selection = Selection(
            resource=Resource(watch.group, watch.version, watch.plural),
            labels=labels[1],
            trim=trimming.trim,
            owner=owner,
        )
        return Informer(self._api, selection, self._moved_for(owner, self._driven_moved), self.everybody)

    def _moved_for(
        self, owner: Belonging, moved: Callable[[Key, Object | None], None]
    ) -> Callable[[Object | None, Object | None], None]:
        def changed(before: Object | None, after: Object | None) -> None:
            for key in {owner(found) for found in (before, after) if found is not None} - {None}:
                assert key is not None
                moved(key, after)

        return changed

    def _told_of(self, event: Object) -> Key | None:
        """The Workspace whose child an Event is about, as far as that child is known."""
        involved = event["involvedObject"]
        resource = TOLD_OF.get(str(involved.get("kind")))
        if resource is None:
            return None
        child = self._of[resource].store.get(involved.get("namespace", ""), involved.get("name", ""))
        return by_label(WORKSPACE_LABEL)(child) if child is not None else None

    def _workspace_moved(self, before: Object | None, after: Object | None) -> None:
        found = after if after is not None else before
        assert found is not None
        self.interests.note(key_of(found), after)
        self._queue.add(key_of(found), Line.NEW if before is None else Line.MOVED)

    def _child_moved(self, key: Key, _: Object | None) -> None:
        self._queue.add(key, Line.RUNS)

    def _driven_moved(self, key: Key, _: Object | None) -> None:
        self._queue.add(key, Line.MOVED)

    def _revision_moved(self, key: Key, after: Object | None) -> None:
        if after is None:
            self._queue.add(key)

    def _node_moved(self, before: Object | None, after: Object | None) -> None:
        labels = [found["metadata"].get("labels") or {} for found in (before, after) if found is not None]
        keys = set(self.interests.in_nodes(labels))
        for pair in self._node_labels:
            keys |= {(found[pair[0]], found[pair[1]]) for found in labels if pair[0] in found and pair[1] in found}
        for key in keys:
            self._queue.add(key, Line.MOVED)

    def _config_moved(self, before: Object | None, after: Object | None) -> None:
        found = after if after is not None else before
        assert found is not None
        for key in self.interests.in_config(key_of(found)):
            self._queue.add(key)
