"""To which Workspace an object belongs, or what an Event is about, told from the object alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmwright.targets.kubernetes.cluster.object_cache import Key

Object = dict[str, Any]
Belonging = Callable[[Object], Key | None]

REVISION_OWNER = "workspace.kaito.io/name"


def by_label(label: str) -> Belonging:
    """The Workspace of the object's own namespace that ``label`` names."""

    def owner(found: Object) -> Key | None:
        name = (found["metadata"].get("labels") or {}).get(label)
        return (found["metadata"].get("namespace", ""), name) if name else None

    return owner


def by_labels(labels: tuple[str, str]) -> Belonging:
    """The Workspace whose namespace and name two labels hold."""

    def owner(found: Object) -> Key | None:
        written = found["metadata"].get("labels") or {}
        namespace, name = (written.get(label) for label in labels)
        return (namespace, name) if namespace and name else None

    return owner


def scaled_by(found: Object) -> Key | None:
    """The Workspace whose StatefulSet, which has its name, an autoscaler sets the size of."""
    target = found["spec"]["scaleTargetRef"]
    return (found["metadata"]["namespace"], target["name"]) if target["kind"] == "StatefulSet" else None


def about(found: Object) -> Key | None:
    """Namespace and ``uid`` of what an Event is about."""
    involved = found["involvedObject"]
    return involved.get("namespace", ""), involved.get("uid", "")
