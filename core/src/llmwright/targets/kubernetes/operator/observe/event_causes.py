"""Causes that only Events tell: pods that are not made or were evicted, and volumes that are not mounted; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from llmwright.lifecycle.observed import Trouble, Workload
from llmwright.targets.kubernetes.operator.cache.children import EVENT_REASONS
from llmwright.targets.kubernetes.operator.observe.pod_causes import eviction

Object = Mapping[str, Any]
FindEvents = Callable[[Object], Sequence[Object]]
"""Finds the Events of ``EVENT_REASONS`` about one object."""

FAILED_CREATE, *SETUP_REASONS = EVENT_REASONS
REPLACED_WITHIN = timedelta(minutes=2)
"""A pod that is made so soon after the eviction of one of its name takes its place."""
QUOTA = "exceeded quota"
"""The words of a refusal by the API server's ResourceQuota admission."""


def refusal(reason: str, message: str) -> Trouble:
    """Return why the API server refused an object: ``reason``, unless ``message`` tells of a better one."""
    return Trouble("QuotaExceeded" if QUOTA in message else reason, message)


def explained(workload: Workload, live: Object | None, pods: Iterable[Object], find_events: FindEvents) -> Workload:
    """Return ``workload`` with the reason that Events give, where it waits and nothing else tells why."""
    if live is None or workload.phase != "pending" or workload.reason or workload.message:
        return workload
    unmounted = (_unmounted(pod, find_events) for pod in pods)
    trouble = _unmade(live, find_events) or next(filter(None, unmounted), None)
    if trouble is None:
        return workload
    return replace(workload, reason=trouble.reason, message=trouble.message)


def with_eviction(workload: Workload, pods: Iterable[Object], find_evictions: FindEvents) -> Workload:
    """Return ``workload`` with why the pod before was evicted, where it waits for a pod and nothing else tells why.

    A StatefulSet puts another pod in its place within milliseconds: nobody may have seen the one that was evicted.
    """
    if workload.phase != "pending" or workload.reason or workload.message:
        return workload
    for pod in pods:
        created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        evictions = [event for event in find_evictions(pod) if created - _moment(event) <= REPLACED_WITHIN]
        if evictions:
            latest = max(evictions, key=_moment)
            trouble = eviction(latest["message"], pod["metadata"]["name"])
            return replace(workload, reason=trouble.reason, message=trouble.message)
    return workload


def _moment(event: Object) -> datetime:
    return datetime.fromisoformat(str(event["at"]))


def _unmade(live: Object, find_events: FindEvents) -> Trouble | None:
    """Return why a StatefulSet or a Job makes no pods.

    An Event stays for an hour. It counts only while the object itself shows that pods are missing.
    """
    status = live.get("status") or {}
    if "replicas" in live["spec"]:
        misses = status.get("replicas", 0) < live["spec"]["replicas"]
    else:
        misses = not any(status.get(name) for name in ("active", "succeeded", "failed"))
    message = _latest(find_events(live), FAILED_CREATE) if misses else ""
    return refusal(FAILED_CREATE, message) if message else None


def _unmounted(pod: Object, find_events: FindEvents) -> Trouble | None:
    """Return why a pod's containers cannot begin: its volumes, or its sandbox with the network."""
    conditions = {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}
    if conditions.get("PodReadyToStartContainers") != "False":
        return None
    events = [event for event in find_events(pod) if event["reason"] in SETUP_REASONS]
    if not events:
        return None
    latest = max(events, key=lambda event: str(event["at"]))
    return Trouble(latest["reason"], f"pod {pod['metadata']['name']}: {latest['message']}")


def _latest(events: Iterable[Object], reason: str) -> str:
    matches = [event for event in events if event["reason"] == reason]
    return str(max(matches, key=lambda event: str(event["at"]))["message"]) if matches else ""
