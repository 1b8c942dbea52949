"""Why a pod does not do what it should, in the words of KAITO's conditions; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from llmwright.lifecycle.observed import Trouble
from llmwright.lifecycle.weight_causes import weight_cause
from llmwright.targets.kubernetes.cluster.image_mounts import no_image_mounts
from llmwright.targets.kubernetes.operator.cache.projection import condition, is_ready
from llmwright.targets.kubernetes.operator.observe.termination_message import last_words
from llmwright.values.node_object import NodeObject
from llmwright.values.weight_reasons import CAUSES

Object = Mapping[str, Any]
FindNode = Callable[[str], Object | None]

IMAGE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
START = frozenset({"CreateContainerError", "CreateContainerConfigError", "RunContainerError", "ContainerCannotRun"})
NO_START = "ContainerStartError"
NO_MOUNT = "FailedMount"
NO_PLUGIN = "no volume plugin matched"
"""The words of a kubelet that knows no images as volumes: its gate is off (Kubernetes 1.34, ``volume/plugins.go``)."""
CRASH = "CrashLoopBackOff"
OOM = "OOMKilled"
PRESSURES = ("DiskPressure", "MemoryPressure")
TAINTS = {
    "node.kubernetes.io/disk-pressure": "NodeDiskPressure",
    "node.kubernetes.io/memory-pressure": "NodeMemoryPressure",
}
"""The taints of a node under pressure, which keep new pods away, and our reason for each."""
UNNAMED = "untolerated taint(s)"

ORDER = (
    "ContainerOOMKilled",
    "ImagePullError",
    NO_START,
    "ContainerCrashLoopBackOff",
    "NodeLost",
    "NodeDiskPressure",
    "NodeMemoryPressure",
    "PodEvicted",
    "Unschedulable",
    "SchedulingGated",
)
"""Of several causes the first is reported (KAITO v0.12; ``NodeLost`` is our own)."""

ENDING = frozenset({"ContainerCrashLoopBackOff", *CAUSES})
"""Causes of a container that keeps ending."""

LASTING = frozenset({"ContainerOOMKilled", NO_START, *ENDING})
"""Causes that do not go away by waiting."""


def root_cause(pods: list[Object], find_node: FindNode, before: str = "") -> Trouble | None:
    """Return the most telling cause among ``pods``; its message names the pod and the container.

    ``before`` is the reason that was reported last: a container that kept ending then, and runs for the moment, does so
    until it is ready.
    """
    causes = [cause for pod in pods for cause in _causes(pod, find_node, before)]
    return min(causes, key=_rank, default=None)


def _rank(cause: Trouble) -> int:
    return ORDER.index("ContainerCrashLoopBackOff" if cause.reason in CAUSES else cause.reason)


def pressure_behind(message: str, nodes: Collection[NodeObject]) -> str | None:
    """Return the reason of the pressure that all ``nodes`` are under, where only that keeps a pod from them.

    ``message`` is that of an ``Unschedulable`` pod. The scheduler names a taint, which ``root_cause`` reads, or only
    counts it: 1.34 does both, for the same taint within a minute.
    """
    refusals = _refusals(message.partition(": ")[2])
    if not (nodes and refusals and all(refusal.endswith(UNNAMED) for refusal in refusals)):
        return None
    shared = set(PRESSURES).intersection(*(node.pressure for node in nodes))
    return f"Node{shared.pop()}" if len(shared) == 1 else None


def mounts_no_image(reason: str, message: str) -> bool:
    """Return whether a pod that mounts an image may wait because its node mounts none."""
    return reason == NO_START or (reason == NO_MOUNT and NO_PLUGIN in message)


def is_about(message: str, pod: Object) -> bool:
    """Return whether the message of a cause names that pod, as all do that begin with one."""
    return message.partition(":")[0].partition(",")[0] == f"pod {pod['metadata']['name']}"


def with_mount_cause(message: str, nodes: Mapping[str, Object | None]) -> str:
    """Return the message of a pod that waits, and mounts an image, with what its node lacks: the gate, the runtime."""
    gate = "its kubelet has the feature gate ImageVolume off" if NO_PLUGIN in message else ""
    for name, node in nodes.items():
        runtime = no_image_mounts(node) if node is not None else ""
        if gate or runtime:
            why = ", and it ".join(filter(None, (gate, runtime)))
            where = f"node {name}: {why}" if gate else f"node {name} {why}"
            return f"{where}; set imageVolumes: false, or use other nodes: {message}"
    return message


def node_is_lost(pod: Object, find_node: FindNode) -> bool:
    """Return whether the pod's node is gone or no longer answers."""
    name = pod["spec"].get("nodeName")
    if not name:
        return False
    node = find_node(name)
    return node is None or not is_ready(node)


def last_failure(pods: list[Object]) -> Trouble:
    """Return exit code and last words of the container that failed last; empty where none failed.

    It has a reason where the last words tell why weights did not come.
    """
    for pod in reversed(pods):
        for container in pod["status"]["containers"]:
            ended = container["state"].get("terminated") or {}
            if ended.get("exitCode"):
                cause = weight_cause(str(ended.get("message") or ""))
                text = last_words(cause.message if cause else ended.get("message") or ended.get("reason"))
                code = f"container {container['name']} ended with code {ended['exitCode']}"
                return Trouble(cause.reason if cause else "", code + (f": {text}" if text else ""))
    return Trouble("", "")


def _causes(pod: Object, find_node: FindNode, before: str) -> Iterator[Trouble]:
    name = pod["metadata"]["name"]
    for container in pod["status"]["containers"]:
        trouble = _of_container(container, name, before)
        if trouble:
            yield trouble
    if pod["status"].get("reason") == "Evicted":
        yield eviction(str(pod["status"].get("message") or "evicted"), name)
    elif node_is_lost(pod, find_node) and pod["status"].get("phase") != "Succeeded":
        yield Trouble("NodeLost", f"pod {name}: its node {pod['spec']['nodeName']} is gone or does not answer")
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield _unschedulable(str(scheduled.get("message") or "no node takes it"), name)
    elif scheduled.get("status") == "False" and scheduled.get("reason") == "SchedulingGated":
        yield Trouble("SchedulingGated", f"pod {name}: {scheduled.get('message') or 'it has scheduling gates'}")


def _of_container(container: Object, pod: str, before: str) -> Trouble | None:
    waiting = container["state"].get("waiting") or {}
    ended = container["state"].get("terminated") or container["last"].get("terminated") or {}
    reason, where = waiting.get("reason", ""), f"pod {pod}, container {container['name']}"
    if not container["ready"] and ended.get("reason") == OOM:
        return Trouble("ContainerOOMKilled", f"{where}: it was killed for using more memory than it may")
    if reason in IMAGE:
        return Trouble("ImagePullError", f"{where}: {waiting.get('message') or reason}")
    if reason in START:
        return Trouble(NO_START, f"{where}: {waiting.get('message') or reason}")
    if reason == CRASH or _keeps_ending(container, before):
        code = ended.get("exitCode")
        cause = weight_cause(str(ended.get("message") or ""))
        if cause is not None:
            return Trouble(cause.reason, f"{where}: {last_words(cause.message)}")
        message = last_words(ended.get("message"))
        text = f"it keeps ending, last with code {code}" + (f": {message}" if message else "")
        return Trouble("ContainerCrashLoopBackOff", f"{where}: {text}")
    return None


def _keeps_ending(container: Object, before: str) -> bool:
    """Return whether a container that is not ready, and does not wait for its next start now, has ended repeatedly.

    While it runs, and while it has just ended, a kubelet does not call it ``CrashLoopBackOff``. That it did so before
    is known from the number of restarts, or from what was reported of it.
    """
    if container["ready"] or container["state"].get("waiting"):
        return False
    ended = container["state"].get("terminated") or container["last"].get("terminated") or {}
    again = container["restarts"] >= 2 or (container["restarts"] == 1 and before in ENDING)
    return bool(ended.get("exitCode")) and again


def eviction(message: str, name: str) -> Trouble:
    """Return why the pod ``name`` had to go, by what its kubelet says: the node's pressure, or what the pod used."""
    text = message.lower().replace("-", "").replace(" ", "")
    for pressure, resource in zip(PRESSURES, ("ephemeralstorage", "memory"), strict=True):
        if ("lowon" in text and resource in text) or pressure.lower() in text:
            return Trouble(f"Node{pressure}", f"pod {name}: {message}")
    return Trouble("PodEvicted", f"pod {name}: {message}")


def _unschedulable(message: str, name: str) -> Trouble:
    """Name pressure as the cause where it alone keeps the pod from every node that its selector allows."""
    refusals = _refusals(message)
    reasons = {reason for refusal in refusals for taint, reason in TAINTS.items() if taint in refusal}
    if len(reasons) == 1 and all("-pressure" in refusal for refusal in refusals):
        return Trouble(reasons.pop(), f"pod {name}: {message}")
    return Trouble("Unschedulable", f"pod {name}: {message}")


def _refusals(message: str) -> list[str]:
    """Return why the scheduler refuses each node that the pod's selector allows."""
    refusals = message.partition(": ")[2].partition(". ")[0].split(", ")
    return [refusal for refusal in refusals if "didn't match Pod's node affinity/selector" not in refusal]
