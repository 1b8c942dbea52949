"""To which Workspace an object belongs: by its labels, as caches index it, and by its owner reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright.lifecycle.observed import Role
from llmwright.targets.kubernetes.cluster.api_resources import JOBS, STATEFULSETS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key

Object = dict[str, Any]
FindOwner = Callable[[Object], Key | None]

REVISION_OWNER = "workspace.kaito.io/name"


@dataclass(frozen=True, slots=True)
class Owner:
    """A Workspace as its children name it.

    ``uid`` tells it from an earlier Workspace of the same name. ``server`` is the kind of its server. ``kinds`` are
    those of objects that plugins added for it, beside the kinds that are watched for every Workspace.
    """

    namespace: str
    name: str
    uid: str
    server: Resource = STATEFULSETS
    kinds: frozenset[Resource] = frozenset()

    @property
    def key(self) -> Key:
        """Its namespace and name."""
        return self.namespace, self.name

    def workload(self, role: Role) -> tuple[Resource, str]:
        """Return kind and name of the object that runs a role."""
        if role == "serving":
            return self.server, self.name
        return JOBS, f"{self.name}-preflight" if role == "preflight" else self.name

    def owns(self, live: Mapping[str, Any]) -> bool:
        """Return whether an owner reference of ``live`` names this very Workspace."""
        return any(reference["uid"] == self.uid for reference in _references(live))

    def is_anothers(self, live: Mapping[str, Any]) -> bool:
        """Return whether ``live`` belongs to another Workspace, as to an earlier one of the same name."""
        return any(reference["kind"] == "Workspace" and reference["uid"] != self.uid for reference in _references(live))


def by_label(label: str) -> FindOwner:
    """Find the Workspace that ``label`` names, in the object's own namespace."""

    def owner(live: Object) -> Key | None:
        name = (live["metadata"].get("labels") or {}).get(label)
        return (live["metadata"].get("namespace", ""), name) if name else None

    return owner


def by_labels(labels: tuple[str, str]) -> FindOwner:
    """Find the Workspace whose namespace and name two labels hold."""

    def owner(live: Object) -> Key | None:
        values = live["metadata"].get("labels") or {}
        namespace, name = (values.get(label) for label in labels)
        return (namespace, name) if namespace and name else None

    return owner


def scaled_by(autoscaler: Object) -> Key | None:
    """Return the Workspace whose StatefulSet, which has its name, an autoscaler sets the size of."""
    target = autoscaler["spec"]["scaleTargetRef"]
    return (autoscaler["metadata"]["namespace"], target["name"]) if target["kind"] == "StatefulSet" else None


def involved(event: Object) -> Key | None:
    """Return namespace and ``uid`` of the object that an Event is about."""
    reference = event["involvedObject"]
    return reference.get("namespace", ""), reference.get("uid", "")


def involved_pod(event: Object) -> Key | None:
    """Return namespace and name of the pod that an Event is about; it may be gone, and another have its name."""
    reference = event["involvedObject"]
    return (reference.get("namespace", ""), reference.get("name", "")) if reference.get("kind") == "Pod" else None


def involved_name(event: Object) -> Key | None:
    """Return the name of the object that an Event is about, as a key without namespace; it may be gone."""
    return "", event["involvedObject"].get("name", "")


def _references(live: Mapping[str, Any]) -> list[Object]:
    return live["metadata"].get("ownerReferences") or []
