"""The part of each object that caches keep, and its conditions; pure.

Only what a pass reads is kept, so that caches stay small and a heartbeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

POD_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
POD_STATUS = ("phase", "reason", "message", "podIP")
NODE_METADATA = ("name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels")
INVOLVED = ("kind", "namespace", "name", "uid")
CONDITION = ("type", "status", "reason", "message")
IDENTITY = ("name", "namespace", "resourceVersion")


def project(live: Object) -> Object:
    """Leave out the record of who wrote which field, and what a list leaves out."""
    metadata = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
    return {**{name: value for name, value in live.items() if name not in ("kind", "apiVersion")}, "metadata": metadata}


def project_owned(live: Object) -> Object:
    """Keep the whole object with its kind, for a runtime that judges it."""
    return {"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), **project(live)}


def project_job(live: Object) -> Object:
    """Leave out the template of a Job's pods: it cannot be changed, and so is never compared."""
    return {**project(live), "spec": {}}


def project_revision(live: Object) -> Object:
    """Keep number and labels of a ControllerRevision."""
    return {"metadata": project(live)["metadata"], "revision": live["revision"]}


def project_service(live: Object) -> Object:
    """Leave out the status."""
    return {name: value for name, value in project(live).items() if name != "status"}


def project_autoscaler(live: Object) -> Object:
    """Keep what an autoscaler sets the size of."""
    metadata = _picked(live["metadata"], IDENTITY)
    return {"metadata": metadata, "spec": {"scaleTargetRef": live["spec"]["scaleTargetRef"]}}


def project_config(live: Object) -> Object:
    """Keep that a ConfigMap is there, and at which version."""
    metadata = live["metadata"]
    return {"metadata": {name: metadata[name] for name in IDENTITY}, "at": metadata["resourceVersion"]}


def project_event(live: Object) -> Object:
    """Keep what an Event is about, its reason and message, and when it last happened."""
    series = (live.get("series") or {}).get("lastObservedTime")
    at = live.get("lastTimestamp") or series or live.get("eventTime") or live["metadata"].get("creationTimestamp")
    return {
        "metadata": _picked(live["metadata"], IDENTITY),
        "involvedObject": _picked(live["involvedObject"], INVOLVED),
        "reason": live.get("reason"),
        "message": live.get("message") or "",
        "at": at,
    }


def project_pod(live: Object) -> Object:
    """Keep the owner of a pod, its node, and the state of its containers."""
    metadata, status = live["metadata"], live.get("status") or {}
    references = {"labels": metadata.get("labels") or {}, "ownerReferences": metadata.get("ownerReferences") or []}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {
        "metadata": {**_picked(metadata, POD_METADATA), **references},
        "spec": {"nodeName": live["spec"].get("nodeName")},
        "status": {
            **_picked(status, POD_STATUS),
            "conditions": [_picked(item, CONDITION) for item in status.get("conditions") or []],
            "containers": [_container(item) for item in containers],
        },
    }


def project_node(live: Object) -> Object:
    """Keep labels, taints, resources, container runtime and conditions of a node, without the times of heartbeats."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    return {
        "metadata": _picked(live["metadata"], NODE_METADATA),
        "spec": _picked(spec, ("taints", "unschedulable", "providerID")),
        "status": {
            **_picked(status, ("capacity", "allocatable")),
            "nodeInfo": _picked(status.get("nodeInfo") or {}, ("containerRuntimeVersion",)),
            "conditions": [_picked(item, CONDITION) for item in status.get("conditions") or []],
        },
    }


def condition(live: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return one condition of an object; an empty one where it is not set."""
    empty: Mapping[str, Any] = {}
    return next((item for item in (live.get("status") or {}).get("conditions") or [] if item["type"] == kind), empty)


def is_ready(live: Mapping[str, Any]) -> bool:
    """Return whether the condition Ready of a pod, a node or a NodeClaim is True."""
    return bool(condition(live, "Ready").get("status") == "True")


def _container(status: Mapping[str, Any]) -> Object:
    return {
        "name": status["name"],
        "ready": bool(status.get("ready")),
        "restarts": int(status.get("restartCount") or 0),
        "state": status.get("state") or {},
        "last": status.get("lastState") or {},
    }


def _picked(mapping: Mapping[str, Any], names: tuple[str, ...]) -> Object:
    return {name: mapping[name] for name in names if name in mapping}
