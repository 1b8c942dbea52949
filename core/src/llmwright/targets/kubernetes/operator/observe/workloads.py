"""Jobs, StatefulSets and their pods in the lifecycle's words; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from llmwright.lifecycle.observed import Workload, WorkloadPhase
from llmwright.targets.kubernetes.manifests.object_metadata import INPUTS, LAUNCH
from llmwright.targets.kubernetes.operator.observe.pod_causes import LASTING, FindNode, is_ready, last_words, root_cause
from llmwright.values.nodes import Failed, Outcome, Waiting

Object = Mapping[str, Any]

ABSENT = Workload()
REVISION = "controller-revision-hash"
"""The label with which the StatefulSet controller says of which revision a pod is (``StatefulSetRevisionLabel``)."""


def serving_workload(found: Object | None, pods: list[Object], find_node: FindNode, endpoint: str) -> Workload:
    """A server is ready once every pod's own probe of ``/health`` passed, of the launch that is asked for.

    The StatefulSet tells which revision that launch is; the pods themselves tell of which they are and whether they
    answer now. Its counts of them come late: a server would go down again that has just come up.
    """
    if found is None:
        return ABSENT
    if _is_leaving(found):
        return _workload(found, "pending", message="the server before it is ending")
    cause = root_cause(pods, find_node)
    if cause is not None:
        phase: WorkloadPhase = "failed" if cause.reason in LASTING else "pending"
        return _workload(found, phase, cause.reason, cause.message)
    if _answers(found, pods):
        return _workload(found, "ready", endpoint=endpoint)
    return _workload(found, "pending")


def brought_workload(found: Object | None, pods: list[Object], find_node: FindNode, endpoint: str) -> Workload:
    """A server of a kind that only its runtime can judge: ready, as far as its pods tell."""
    if found is None:
        return ABSENT
    cause = root_cause([pod for pod in pods if "Job" not in {kind for kind, _ in _controllers(pod)}], find_node)
    if cause is not None:
        phase: WorkloadPhase = "failed" if cause.reason in LASTING else "pending"
        return _workload(found, phase, cause.reason, cause.message)
    return _workload(found, "ready", endpoint=endpoint)


def judged(workload: Workload, outcomes: Iterable[Outcome], *, has_word: bool) -> Workload:
    """``workload`` as far as the runtime agrees; one that ``has_word`` is not ready before the runtime says so."""
    told = list(outcomes)
    failed = next((one for one in told if isinstance(one, Failed)), None)
    if failed is not None:
        phase: WorkloadPhase = "pending" if failed.kind == "transient" else "failed"
        return _turned(workload, phase, failed.reason or "ServerFailed", failed.message)
    if workload.reason:
        return workload
    waiting = next((one for one in told if isinstance(one, Waiting)), None)
    if waiting is not None:
        return _turned(workload, "pending", waiting.reason, waiting.message)
    if has_word and not told:
        return _turned(workload, "pending", "", "")
    return workload


def _turned(workload: Workload, phase: WorkloadPhase, reason: str, message: str) -> Workload:
    return replace(workload, phase=phase, reason=reason, message=message, endpoint=None)


def job_workload(found: Object | None, pods: list[Object], find_node: FindNode) -> Workload:
    """A Job that succeeded, failed for good, runs, or has not begun.

    A pod that failed counts for as long as none that came after it does better.
    """
    if found is None:
        return ABSENT
    pods = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    pods = [pod for pod in pods if pod["status"].get("phase") != "Failed"] or pods[-1:]
    if _is_leaving(found):
        return _workload(found, "pending", message="the job before it is ending")
    ends = {one["type"]: one for one in (found.get("status") or {}).get("conditions") or [] if one["status"] == "True"}
    if "Complete" in ends:
        done = (found["status"] or {}).get("completionTime") or ends["Complete"].get("lastTransitionTime")
        return _workload(found, "succeeded", since=done)
    cause = root_cause(pods, find_node)
    if "Failed" in ends:
        reason = cause.reason if cause else ""
        message = cause.message if cause else last_words(pods) or str(ends["Failed"].get("message", ""))
        return _workload(found, "failed", reason, message)
    if cause is not None:
        return _workload(found, "pending", cause.reason, cause.message)
    return _workload(found, "running" if any(map(_has_begun, pods)) else "pending")


def of_workload(pods: Iterable[Object], kind: str, name: str) -> list[Object]:
    """The pods that this Job or StatefulSet controls."""
    return [pod for pod in pods if (kind, name) in _controllers(pod)]


def _controllers(pod: Object) -> set[tuple[str, str]]:
    return {(one["kind"], one["name"]) for one in pod["metadata"]["ownerReferences"] if one.get("controller")}


def _answers(found: Object, pods: list[Object]) -> bool:
    status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0) or wanted < 1:
        return False
    return sum(_serves(pod, status.get("updateRevision")) for pod in pods) >= int(wanted)


def _serves(pod: Object, revision: str | None) -> bool:
    return is_ready(pod) and not _is_leaving(pod) and pod["metadata"]["labels"].get(REVISION) == revision


def _has_begun(pod: Object) -> bool:
    """Whether one of its containers has run; the steps of a Job run one after the other as init containers."""
    if is_ready(pod) or pod["status"].get("phase") == "Succeeded":
        return True
    states = [container["state"] for container in pod["status"]["containers"]]
    return any("running" in state or "terminated" in state for state in states)


def _is_leaving(found: Object) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _workload(
    found: Object,
    phase: WorkloadPhase,
    reason: str = "",
    message: str = "",
    endpoint: str | None = None,
    since: str | None = None,
) -> Workload:
    annotations = found["metadata"].get("annotations") or {}
    return Workload(
        phase=phase,
        digest=annotations.get(LAUNCH, ""),
        inputs=annotations.get(INPUTS, ""),
        reason=reason,
        message=message,
        since=datetime.fromisoformat(since) if since else None,
        endpoint=endpoint,
    )
