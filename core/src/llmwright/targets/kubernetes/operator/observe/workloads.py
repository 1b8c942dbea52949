"""Jobs, servers and their pods in the lifecycle's words; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from llmwright.lifecycle.observed import Workload, WorkloadPhase
from llmwright.targets.kubernetes.manifests.object_metadata import INPUTS, LAUNCH, NODES
from llmwright.targets.kubernetes.operator.cache.projection import is_ready
from llmwright.targets.kubernetes.operator.observe.occupied_nodes import ordinal
from llmwright.targets.kubernetes.operator.observe.pod_causes import LASTING, FindNode, last_failure, root_cause
from llmwright.values.nodes import Failed, Outcome, Waiting

Object = Mapping[str, Any]

ABSENT = Workload()
REVISION = "controller-revision-hash"
"""The label with which the StatefulSet controller marks the revision of a pod (``StatefulSetRevisionLabel``)."""


def serving_workload(
    live: Object | None,
    pods: list[Object],
    find_node: FindNode,
    endpoint: str,
    *,
    wanted: int | None = None,
    autoscaled: bool = False,
    before: str = "",
) -> Workload:
    """Return a StatefulSet's server: ready once enough pods of the latest launch pass their probe of ``/health``.

    The pods are counted here. The StatefulSet's own counts come late: a server that has just become ready would seem
    to go down again.

    Args:
        wanted: how many have to answer; as many as the StatefulSet asks for where it is None or ``autoscaled``.
        before: the reason that was reported last.
    """
    if live is None:
        return ABSENT
    if _is_leaving(live):
        return _workload(live, "pending", message="the server before it is ending")
    asked = int(live["spec"].get("replicas", 1))
    needed = asked if wanted is None or autoscaled else wanted
    revision = (live.get("status") or {}).get("updateRevision")
    answering = sum(ordinal(pod) < needed and _serves(pod, revision) for pod in pods)
    # A pod that is not needed any more may end as it likes.
    broken = _broken(live, [pod for pod in pods if ordinal(pod) < asked], find_node, before)
    ready = 0 < needed <= answering
    workload = broken or _workload(live, "ready" if ready else "pending", endpoint=endpoint if ready else None)
    return replace(
        workload,
        asked=asked,
        autoscaled=autoscaled,
        pods=sum(not _is_leaving(pod) for pod in pods),
        answering=answering,
        ending=sum(_is_leaving(pod) or ordinal(pod) >= asked for pod in pods),
        settled=_is_settled(live, unsaid=False),
        returns=True,
    )


def runtime_workload(
    live: Object | None, pods: list[Object], find_node: FindNode, endpoint: str, before: str = ""
) -> Workload:
    """Return a server of a kind that only its runtime can judge: ready, unless its pods show a cause."""
    if live is None:
        return ABSENT
    pods = servers_pods(pods)
    workload = _broken(live, pods, find_node, before) or _workload(live, "ready", endpoint=endpoint)
    nodes = (live["metadata"].get("annotations") or {}).get(NODES, "")
    asked = int(nodes) if nodes.isdecimal() else None
    if asked == 0:
        # Its controller may have nothing to look at any more. What tells are the pods that are left.
        return replace(workload, asked=0, ending=len(pods), settled=True, returns=True)
    return replace(workload, asked=asked, settled=_is_settled(live, unsaid=True), returns=True)


def judged(workload: Workload, outcomes: Iterable[Outcome], *, needs_outcome: bool) -> Workload:
    """Return ``workload`` as far as the runtime agrees.

    A failure of the runtime comes before a cause that pods show, and that before a runtime's waiting. Where an outcome
    is needed, the workload is not ready without one.
    """
    outcomes = list(outcomes)
    failed = next((outcome for outcome in outcomes if isinstance(outcome, Failed)), None)
    if failed is not None:
        phase: WorkloadPhase = "pending" if failed.kind == "transient" else "failed"
        return _turned(workload, phase, failed.reason or "ServerFailed", failed.message)
    if workload.reason:
        return workload
    waiting = next((outcome for outcome in outcomes if isinstance(outcome, Waiting)), None)
    if waiting is not None:
        return replace(_turned(workload, "pending", waiting.reason, waiting.message), awaited=True)
    if needs_outcome and not outcomes:
        return _turned(workload, "pending", "", "")
    return workload


def job_workload(live: Object | None, pods: list[Object], find_node: FindNode, before: str = "") -> Workload:
    """Return a Job that succeeded, failed for good, runs, or has not begun.

    A pod that failed counts for as long as no later pod does better.
    """
    if live is None:
        return ABSENT
    pods = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    pods = [pod for pod in pods if pod["status"].get("phase") != "Failed"] or pods[-1:]
    if _is_leaving(live):
        return _workload(live, "pending", message="the job before it is ending")
    conditions = (live.get("status") or {}).get("conditions") or []
    ends = {condition["type"]: condition for condition in conditions if condition["status"] == "True"}
    if "Complete" in ends:
        done = (live["status"] or {}).get("completionTime") or ends["Complete"].get("lastTransitionTime")
        return _workload(live, "succeeded", since=done)
    cause = root_cause(pods, find_node, before)
    if "Failed" in ends:
        cause = cause or last_failure(pods)
        return _workload(live, "failed", cause.reason, cause.message or str(ends["Failed"].get("message", "")))
    if cause is not None:
        return _workload(live, "pending", cause.reason, cause.message)
    return _workload(live, "running" if any(map(_has_begun, pods)) else "pending")


def servers_pods(pods: Iterable[Object]) -> list[Object]:
    """Return the pods of a Workspace that are no Job's, whatever its server is made of."""
    return [pod for pod in pods if "Job" not in {kind for kind, _ in _controllers(pod)}]


def of_workload(pods: Iterable[Object], kind: str, name: str) -> list[Object]:
    """Return the pods that this Job or StatefulSet controls."""
    return [pod for pod in pods if (kind, name) in _controllers(pod)]


def _broken(live: Object, pods: list[Object], find_node: FindNode, before: str) -> Workload | None:
    cause = root_cause(pods, find_node, before)
    if cause is None:
        return None
    return _workload(live, "failed" if cause.reason in LASTING else "pending", cause.reason, cause.message)


def _turned(workload: Workload, phase: WorkloadPhase, reason: str, message: str) -> Workload:
    return replace(workload, phase=phase, reason=reason, message=message, endpoint=None)


def _controllers(pod: Object) -> set[tuple[str, str]]:
    references = pod["metadata"]["ownerReferences"]
    return {(reference["kind"], reference["name"]) for reference in references if reference.get("controller")}


def _is_settled(live: Object, *, unsaid: bool) -> bool:
    """Return whether the controller of an object has looked at its latest change; ``unsaid`` where it tells nothing."""
    observed = (live.get("status") or {}).get("observedGeneration")
    if observed is None:
        return unsaid
    return bool(observed >= live["metadata"].get("generation", 0))


def _serves(pod: Object, revision: str | None) -> bool:
    return is_ready(pod) and not _is_leaving(pod) and pod["metadata"]["labels"].get(REVISION) == revision


def _has_begun(pod: Object) -> bool:
    """Return whether one of its containers has run; the steps of a Job run one after the other as init containers."""
    if is_ready(pod) or pod["status"].get("phase") == "Succeeded":
        return True
    states = [container["state"] for container in pod["status"]["containers"]]
    return any("running" in state or "terminated" in state for state in states)


def _is_leaving(live: Object) -> bool:
    return "deletionTimestamp" in live["metadata"]


def _workload(
    live: Object,
    phase: WorkloadPhase,
    reason: str = "",
    message: str = "",
    endpoint: str | None = None,
    since: str | None = None,
) -> Workload:
    annotations = live["metadata"].get("annotations") or {}
    return Workload(
        phase=phase,
        digest=annotations.get(LAUNCH, ""),
        inputs=annotations.get(INPUTS, ""),
        reason=reason,
        message=message,
        since=datetime.fromisoformat(since) if since else None,
        endpoint=endpoint,
    )
