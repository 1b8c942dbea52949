"""The objects that a Workspace became, as a tree, each with its state and what keeps it from a better one; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmwright.targets.kubernetes.operator.cache.projection import is_ready, project_pod
from llmwright.targets.kubernetes.operator.observe.pod_causes import root_cause
from llmwright.targets.workspace_target import Child

Object = Mapping[str, Any]

SHOWN = ("Job", "StatefulSet", "Service", "Pod")
"""The order in which kinds are shown; those that are not named come after them."""


def child_tree(objects: Iterable[tuple[str, Object]], find_node: Callable[[str], Object | None]) -> tuple[Child, ...]:
    """Return the objects, each with its kind, below the objects that own them."""
    known = [(kind, live) for kind, live in objects]
    uids = {live["metadata"].get("uid") for _, live in known}
    below: dict[str, list[tuple[str, Object]]] = {}
    top: list[tuple[str, Object]] = []
    for kind, live in known:
        owner = next((each["uid"] for each in _owners(live) if each["uid"] in uids), None)
        (top if owner is None else below.setdefault(owner, [])).append((kind, live))

    def child(kind: str, live: Object) -> Child:
        metadata = live["metadata"]
        state, message = _pod(live, find_node) if kind == "Pod" else _other(kind, live)
        inner = (child(*each) for each in _in_order(below.get(metadata.get("uid", ""), ())))
        return Child(kind, metadata["name"], "Terminating" if "deletionTimestamp" in metadata else state, message,
                     tuple(inner))  # fmt: skip

    return tuple(child(*each) for each in _in_order(top))


def _in_order(objects: Iterable[tuple[str, Object]]) -> list[tuple[str, Object]]:
    ranks = {kind: rank for rank, kind in enumerate(SHOWN)}
    return sorted(objects, key=lambda each: (ranks.get(each[0], len(SHOWN)), each[1]["metadata"]["name"]))


def _pod(live: Object, find_node: Callable[[str], Object | None]) -> tuple[str, str]:
    cause = root_cause([project_pod(dict(live))], find_node)
    phase = str((live.get("status") or {}).get("phase") or "Pending")
    if cause is not None:
        return cause.reason, cause.message.partition(": ")[2] or cause.message
    if phase == "Running" and not is_ready(live):
        phase = "Running, not ready"
    node = live["spec"].get("nodeName")
    return phase, f"on {node}" if node else ""


def _other(kind: str, live: Object) -> tuple[str, str]:
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if kind == "StatefulSet":
        return f"{status.get('readyReplicas') or 0} of {spec.get('replicas', 1)} ready", ""
    ends = [each for each in status.get("conditions") or [] if each.get("status") == "True"]
    if kind == "Job":
        found = next((each for each in ends if each["type"] in ("Complete", "Failed")), None)
        return (found["type"], str(found.get("message") or "")) if found else ("Running", "")
    if kind == "Service":
        return str(spec.get("type") or "ClusterIP"), ""
    return ("Ready" if is_ready(live) else "not ready"), ""


def _owners(live: Object) -> Iterable[Mapping[str, Any]]:
    return live["metadata"].get("ownerReferences") or ()
