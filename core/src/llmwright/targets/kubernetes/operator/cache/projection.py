"""What is kept of each object: only what a pass reads, so that caches stay small and heartbeats tell nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

POD_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
STATUS_OF_POD = ("phase", "reason", "message")
ABOUT = ("kind", "namespace", "name", "uid")
CONDITION = ("type", "status", "reason", "message")


def trim(found: Object) -> Object:
    """Without the record of who wrote which field, and without what a list leaves out."""
    metadata = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    return {
        **{name: value for name, value in found.items() if name not in ("kind", "apiVersion")},
        "metadata": metadata,
    }


def trim_owned(found: Object) -> Object:
    """Whole, with its kind, for whoever judges it."""
    return {"apiVersion": found.get("apiVersion"), "kind": found.get("kind"), **trim(found)}


def trim_job(found: Object) -> Object:
    """Its pods' template is never compared: a Job's cannot be changed."""
    return {**trim(found), "spec": {}}


def trim_revision(found: Object) -> Object:
    """Its number and its labels."""
    return {"metadata": trim(found)["metadata"], "revision": found["revision"]}


def trim_service(found: Object) -> Object:
    """Without its status."""
    return {name: value for name, value in trim(found).items() if name != "status"}


def trim_autoscaler(found: Object) -> Object:
    """What it sets the size of."""
    kept = _picked(found["metadata"], ("name", "namespace", "resourceVersion"))
    return {"metadata": kept, "spec": {"scaleTargetRef": found["spec"]["scaleTargetRef"]}}


def trim_config(found: Object) -> Object:
    """That it is there, and at which version."""
    metadata = found["metadata"]
    kept = {name: metadata[name] for name in ("name", "namespace", "resourceVersion")}
    return {"metadata": kept, "at": metadata["resourceVersion"]}


def trim_event(found: Object) -> Object:
    """About what it is, what it says, and when it was said last."""
    metadata = _picked(found["metadata"], ("name", "namespace", "resourceVersion"))
    at = found.get("lastTimestamp") or found.get("eventTime") or found["metadata"].get("creationTimestamp")
    said = {"reason": found.get("reason"), "message": found.get("message") or "", "at": at}
    return {"metadata": metadata, "involvedObject": _picked(found["involvedObject"], ABOUT), **said}


def trim_pod(found: Object) -> Object:
    """Whose it is, where it is, and how its containers are."""
    metadata, status = found["metadata"], found.get("status") or {}
    kept: Object = {name: metadata[name] for name in POD_METADATA if name in metadata}
    kept |= {"labels": metadata.get("labels") or {}, "ownerReferences": metadata.get("ownerReferences") or []}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {
        "metadata": kept,
        "spec": {"nodeName": found["spec"].get("nodeName")},
        "status": {
            **{name: status[name] for name in STATUS_OF_POD if name in status},
            "conditions": [_picked(one, CONDITION) for one in status.get("conditions") or []],
            "containers": [_container(one) for one in containers],
        },
    }


def trim_node(found: Object) -> Object:
    """Labels, taints, resources and conditions, without the times of heartbeats."""
    metadata, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
    names = ("name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels")
    return {
        "metadata": _picked(metadata, names),
        "spec": _picked(spec, ("taints", "unschedulable", "providerID")),
        "status": {
            **_picked(status, ("capacity", "allocatable")),
            "conditions": [_picked(one, CONDITION) for one in status.get("conditions") or []],
        },
    }


def _container(status: Mapping[str, Any]) -> Object:
    return {
        "name": status["name"],
        "ready": bool(status.get("ready")),
        "restarts": int(status.get("restartCount") or 0),
        "state": status.get("state") or {},
        "last": status.get("lastState") or {},
    }


def _picked(found: Mapping[str, Any], names: tuple[str, ...]) -> Object:
    return {name: found[name] for name in names if name in found}
