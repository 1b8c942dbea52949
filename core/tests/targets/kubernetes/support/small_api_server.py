"""An API server in memory: enough of lists, watches and writes for an operator to carry out Workspaces."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from llmwright.targets.kubernetes.cluster.api_errors import INVALID, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import EVENTS, KINDS, WORKSPACES, Resource
from llmwright.targets.kubernetes.cluster.merge_patch import merged

Object = dict[str, Any]
MOMENT = "2026-01-01T00:00:00Z"
WIDGETS = Resource("example.com", "v1", "widgets")


class SmallApiServer:
    """Serves the core's kinds and ``Widget``: of this it drops what it does not know, and refuses ``spec.wrong``."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Object]] = defaultdict(dict)
        self._history: dict[str, list[Object]] = defaultdict(list)
        self._version = 0
        self._changed = threading.Condition()
        self._closed = False

    def close(self) -> None:
        """End all watches."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def put(self, resource: Resource, body: Mapping[str, Any]) -> Object:
        """Write an object."""
        with self._changed:
            self._version += 1
            metadata = body["metadata"]
            key = metadata.get("namespace", ""), metadata["name"]
            known = {
                "uid": f"{resource.plural}-{metadata['name']}",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            }
            live = {**deepcopy(dict(body)), "metadata": {**known, **metadata, "resourceVersion": str(self._version)}}
            self._objects[resource.plural][key] = live
            self._history[resource.plural].append({"type": "MODIFIED", "object": live})
            self._changed.notify_all()
            return deepcopy(live)

    def remove(self, resource: Resource, key: tuple[str, str]) -> None:
        """Delete an object, with all that it owns."""
        with self._changed:
            self._version += 1
            live = self._objects[resource.plural].pop(key)
            live = {**live, "metadata": {**live["metadata"], "resourceVersion": str(self._version)}}
            self._history[resource.plural].append({"type": "DELETED", "object": live})
            for kind in (*KINDS.values(), WIDGETS):
                for child, owned in list(self._objects[kind.plural].items()):
                    references = owned["metadata"].get("ownerReferences") or []
                    if live["metadata"]["uid"] in {reference["uid"] for reference in references}:
                        self.remove(kind, child)
            self._changed.notify_all()

    def all(self, resource: Resource) -> list[Object]:
        """Return all objects of a kind."""
        with self._changed:
            return list(self._objects[resource.plural].values())

    # What follows is called by the operator.

    def page(self, resource: Resource, query: Mapping[str, str], *, metadata_only: bool = False) -> Object:
        """Return all objects."""
        return {"items": self.all(resource), "metadata": {"resourceVersion": str(self._version)}}

    def watch(self, resource: Resource, query: Mapping[str, str], *, metadata_only: bool = False) -> Iterator[Object]:
        """Yield what happened since the version of ``query``."""
        seen = int(query["resourceVersion"])
        while True:
            with self._changed:
                news = [event for event in self._history[resource.plural] if _version(event) > seen]
                if not news and not self._closed:
                    self._changed.wait(0.2)
                if self._closed:
                    return
            for event in news:
                seen = _version(event)
                yield event

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return one object."""
        return self._objects[resource.plural].get((namespace, name))

    def kinds(self, api_version: str) -> list[Object]:
        """Return the one kind that is not the core's."""
        return [{"name": "widgets", "kind": "Widget", "namespaced": True}]

    def apply(self, resource: Resource, body: Mapping[str, Any]) -> Object:
        """Write an object as it is applied."""
        if resource == WIDGETS and "wrong" in body["spec"]:
            raise ApiError("Widget is invalid: spec.wrong", code=INVALID, reason="Invalid")
        return self.put(resource, {**body, "spec": {}} if resource == WIDGETS else body)

    def merge(self, resource: Resource, namespace: str, name: str, patch: Object, subresource: str = "") -> Object:
        """Change an object; a Workspace that is to go is gone with its last finalizer."""
        live = dict(merged(self._objects[resource.plural][namespace, name], patch))
        answer = self.put(resource, live)
        metadata = live["metadata"]
        if resource == WORKSPACES and "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self.remove(resource, (namespace, name))
        return answer

    def create(self, resource: Resource, body: Object) -> Object:
        """Take an Event, and forget it."""
        assert resource == EVENTS
        return body

    def delete(self, resource: Resource, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete an object, once its finalizers are gone."""
        live = self._objects[resource.plural][namespace, name]
        if live["metadata"].get("finalizers"):
            self.put(resource, {**live, "metadata": {**live["metadata"], "deletionTimestamp": MOMENT}})
        else:
            self.remove(resource, (namespace, name))


def _version(event: Object) -> int:
    return int(event["object"]["metadata"]["resourceVersion"])
