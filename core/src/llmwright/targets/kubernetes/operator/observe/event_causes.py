"""Causes that no object tells of and only Events do: pods that are not made, volumes that are not mounted; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmwright.lifecycle.observed import Trouble, Workload

Object = Mapping[str, Any]
Said = Callable[[Object], Sequence[Object]]
"""The Events of ``REASONS`` about one object."""

FAILED_CREATE = "FailedCreate"
FAILED_MOUNT = "FailedMount"
REASONS = (FAILED_CREATE, FAILED_MOUNT)
QUOTA = "exceeded quota"
"""How the API server's ResourceQuota admission words a refusal."""


def refusal(reason: str, message: str) -> Trouble:
    """What the API server did not let be made, for ``reason`` unless it names a better one."""
    return Trouble("QuotaExceeded" if QUOTA in message else reason, message)


def explained(workload: Workload, found: Object | None, pods: Iterable[Object], said: Said) -> Workload:
    """``workload`` with a reason, where it waits, says nothing of why, and Events of it or of its pods do."""
    if found is None or workload.phase != "pending" or workload.reason or workload.message:
        return workload
    trouble = _unmade(found, said) or next(filter(None, (_unmounted(pod, said) for pod in pods)), None)
    if trouble is None:
        return workload
    return replace(workload, reason=trouble.reason, message=trouble.message)


def _unmade(found: Object, said: Said) -> Trouble | None:
    """Why a StatefulSet or a Job makes no pods.

    An Event stays for an hour: it counts for as long as the object itself says that pods are missing.
    """
    status = found.get("status") or {}
    if "replicas" in found["spec"]:
        misses = status.get("replicas", 0) < found["spec"]["replicas"]
    else:
        misses = not any(status.get(name) for name in ("active", "succeeded", "failed"))
    message = _latest(said(found), FAILED_CREATE) if misses else ""
    return refusal(FAILED_CREATE, message) if message else None


def _unmounted(pod: Object, said: Said) -> Trouble | None:
    """Why a pod's containers cannot even begin; what was mounted after all is seen by its sandbox being there."""
    conditions = {one["type"]: one["status"] for one in pod["status"]["conditions"]}
    if conditions.get("PodReadyToStartContainers") != "False":
        return None
    message = _latest(said(pod), FAILED_MOUNT)
    return Trouble(FAILED_MOUNT, f"pod {pod['metadata']['name']}: {message}") if message else None


def _latest(events: Iterable[Object], reason: str) -> str:
    mine = [one for one in events if one["reason"] == reason]
    return str(max(mine, key=lambda one: str(one["at"]))["message"]) if mine else ""
