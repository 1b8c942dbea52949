"""The objects of each Workspace as caches know them: its children, what scales them, and Events about them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmwright.lifecycle.observed import Role, Trouble
from llmwright.targets.kubernetes.cluster import api_resources as kinds
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.targets.kubernetes.cluster.object_cache import Key, ObjectCache
from llmwright.targets.kubernetes.cluster.workqueue import Line
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL, role_of
from llmwright.targets.kubernetes.operator.cache import projection
from llmwright.targets.kubernetes.operator.cache.enqueue import Enqueue
from llmwright.targets.kubernetes.operator.cache.informer_set import InformerSet
from llmwright.targets.kubernetes.operator.cache.owner_reference import (
    REVISION_OWNER,
    FindOwner,
    Owner,
    by_label,
    involved,
    involved_pod,
    scaled_by,
)

Object = dict[str, Any]

ADDABLE = (kinds.STATEFULSETS, kinds.JOBS, kinds.SERVICES)
"""Kinds that are watched for every Workspace, and of which plugins may add objects."""

EVENT_REASONS = ("FailedCreate", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
"""The Events that are watched: no object tells what they tell."""

EVICTED = "Evicted"
"""The Event about a pod that its kubelet ends. Its pod tells it too, for a few milliseconds before another follows."""

EVENTS_OF = {"StatefulSet": kinds.STATEFULSETS, "Job": kinds.JOBS, "Pod": kinds.PODS}
"""The kinds of children that Events are read of."""

FORBIDDEN_HINT = "give the operator's role a ClusterRole for it: docs/plugins.md"


class Children:
    """Reads caches alone. A kind that only plugins add objects of is watched from when it is first asked for."""

    def __init__(self, informers: InformerSet, enqueue: Enqueue) -> None:
        self._informers, self._enqueue = informers, enqueue
        self._added: dict[Resource, Informer] = {}
        self._lock = threading.Lock()
        owner = by_label(WORKSPACE_LABEL)
        runs = enqueue.owner(owner, Line.RUNS)
        self._watched: dict[Resource, Informer] = {}
        for resource, project in (
            (kinds.STATEFULSETS, projection.project),
            (kinds.JOBS, projection.project_job),
            (kinds.PODS, projection.project_pod),
            (kinds.SERVICES, projection.project_service),
        ):
            selection = Selection(resource=resource, labels=WORKSPACE_LABEL, trim=project, owner=owner)
            self._watched[resource] = informers.need(selection, runs)
        owner = by_label(REVISION_OWNER)
        resource, project = kinds.CONTROLLER_REVISIONS, projection.project_revision
        selection = Selection(resource=resource, labels=REVISION_OWNER, trim=project, owner=owner)
        self._watched[resource] = informers.need(selection, enqueue.owner_of_deleted(owner))
        selection = Selection(resource=kinds.AUTOSCALERS, trim=projection.project_autoscaler, owner=scaled_by)
        self._autoscalers = informers.need(selection, enqueue.owner(scaled_by, Line.RUNS))
        self._events = [self._watch_events(reason, involved) for reason in EVENT_REASONS]
        self._evictions = self._watch_events(EVICTED, involved_pod)

    def informer(self, resource: Resource) -> Informer:
        """Return what watches our objects of one kind."""
        informer = self._watched.get(resource) or self._added.get(resource)
        if informer is not None:
            return informer
        with self._lock:
            if resource not in self._added:
                owner, project = by_label(WORKSPACE_LABEL), projection.project_owned
                selection = Selection(resource=resource, labels=WORKSPACE_LABEL, trim=project, owner=owner)
                runs = self._enqueue.owner(owner, Line.RUNS)
                self._added[resource] = self._informers.begin(selection, runs, self._enqueue.everybody)
            return self._added[resource]

    def of(self, resource: Resource) -> ObjectCache:
        """Return our objects of one kind, by the Workspace that owns them."""
        return self.informer(resource).store

    def listed(self, resources: Iterable[Resource]) -> bool:
        """Return whether our objects of these kinds are known, as far as they may be seen."""
        informers = [self.informer(resource) for resource in resources]
        return all(informer.synced or informer.refused for informer in informers)

    def unseen(self, resource: Resource, kind: str, brought_by: str = "") -> Trouble | None:
        """Return why objects of a kind cannot be seen; None where they can, or will be once they are listed.

        Args:
            kind: its name for people.
            brought_by: what installs it, as people are told.
        """
        informer = self.informer(resource)
        if informer.refused:
            message = f"the operator may not watch {kind}: {informer.refused} ({FORBIDDEN_HINT})"
            return Trouble("KindForbidden", message)
        if not informer.served:
            hint = brought_by or "install the CRD that brings it"
            return Trouble("KindNotServed", f"the cluster does not serve {kind} ({hint})")
        return None

    def find(self, owner: Owner, resource: Resource, name: str) -> Object | None:
        """Return one child. A child of an earlier Workspace of that name is shown as leaving: nobody owns it now.

        One that nobody owns, as ``kubectl delete --cascade=orphan`` leaves it, is a child that lacks its owner.
        """
        live = self.of(resource).get(owner.namespace, name)
        if live is None or owner.owns(live) or not owner.is_anothers(live):
            return live
        return {**live, "metadata": {"deletionTimestamp": "", **live["metadata"]}}

    def added(self, owner: Owner, role: Role | None = None) -> Iterator[tuple[Resource, Object]]:
        """Yield the objects that plugins added for one role, or for any, and that are not leaving."""
        for resource in {*ADDABLE, *owner.kinds}:
            for live in self.of(resource).of(owner.key):
                mine = role_of(live) is not None and role in (None, role_of(live)) and owner.owns(live)
                if mine and "deletionTimestamp" not in live["metadata"]:
                    yield resource, live

    def is_scaled(self, namespace: str, name: str) -> bool:
        """Return whether an autoscaler sets the size of a StatefulSet."""
        return bool(self._autoscalers.store.of((namespace, name)))

    def events(self, live: Mapping[str, Any]) -> list[Object]:
        """Return the Events of ``EVENT_REASONS`` about one child; none where we may not see Events."""
        metadata = live["metadata"]
        key = metadata["namespace"], metadata.get("uid", "")
        return [event for informer in self._events for event in informer.store.of(key)]

    def evictions(self, pod: Mapping[str, Any]) -> list[Object]:
        """Return the Events of evictions of that pod, and of those before it under its name."""
        metadata = pod["metadata"]
        return self._evictions.store.of((metadata["namespace"], metadata["name"]))

    def _watch_events(self, reason: str, owner: FindOwner) -> Informer:
        project, runs = projection.project_event, self._enqueue.owner(self._owner_of_involved, Line.RUNS)
        selection = Selection(resource=kinds.EVENTS, fields=f"reason={reason}", trim=project, owner=owner)
        return self._informers.explain(selection, runs)

    def _owner_of_involved(self, event: Object) -> Key | None:
        """Return the Workspace whose child an Event is about, as far as that child is known."""
        reference = event["involvedObject"]
        resource = EVENTS_OF.get(str(reference.get("kind")))
        if resource is None:
            return None
        child = self.of(resource).get(reference.get("namespace", ""), reference.get("name", ""))
        return by_label(WORKSPACE_LABEL)(child) if child is not None else None
