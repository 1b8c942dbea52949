"""Why a pod does not do what it should, in the words of KAITO's conditions; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from llmwright.lifecycle.observed import Trouble
from llmwright.values.node_object import NodeObject

Object = Mapping[str, Any]
FindNode = Callable[[str], Object | None]

IMAGE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
START = frozenset({"CreateContainerError", "CreateContainerConfigError", "RunContainerError", "ContainerCannotRun"})
CRASH = "CrashLoopBackOff"
OOM = "OOMKilled"
PRESSURES = ("DiskPressure", "MemoryPressure")
TAINTS = {
    "node.kubernetes.io/disk-pressure": "NodeDiskPressure",
    "node.kubernetes.io/memory-pressure": "NodeMemoryPressure",
}
"""What keeps new pods from a node under pressure."""
UNNAMED = "untolerated taint(s)"

ORDER = (
    "ContainerOOMKilled",
    "ImagePullError",
    "ContainerStartError",
    "ContainerCrashLoopBackOff",
    "NodeLost",
    "NodeDiskPressure",
    "NodeMemoryPressure",
    "PodEvicted",
    "Unschedulable",
)
"""Of several causes the first is told (KAITO v0.12; a node that is lost is ours)."""

LASTING = frozenset({"ContainerOOMKilled", "ContainerStartError", "ContainerCrashLoopBackOff"})
"""What does not mend itself by waiting."""


def root_cause(pods: list[Object], find_node: FindNode) -> Trouble | None:
    """The most telling cause among ``pods``; its message names the pod and the container."""
    found = [trouble for pod in pods for trouble in _causes(pod, find_node)]
    return min(found, key=lambda trouble: ORDER.index(trouble.reason), default=None)


def pressure_behind(message: str, nodes: Collection[NodeObject]) -> str | None:
    """The reason of the pressure that all ``nodes`` are under, where it is that which keeps a pod from them.

    The scheduler names a taint, which ``root_cause`` reads, or only counts it (1.34 does both, of the same taint
    within a minute): ``message`` is that of an ``Unschedulable`` then.
    """
    refusals = _refusals(message.partition(": ")[2])
    if not (nodes and refusals and all(refusal.endswith(UNNAMED) for refusal in refusals)):
        return None
    shared = set(PRESSURES).intersection(*(node.pressure for node in nodes))
    return f"Node{shared.pop()}" if len(shared) == 1 else None


def node_is_lost(pod: Object, find_node: FindNode) -> bool:
    """Whether the pod's node is gone or no longer answers."""
    name = pod["spec"].get("nodeName")
    if not name:
        return False
    node = find_node(name)
    return node is None or not is_ready(node)


def is_ready(found: Object) -> bool:
    """Whether its condition Ready is True."""
    return _condition(found, "Ready").get("status") == "True"


def last_words(pods: list[Object]) -> str:
    """What the container that failed last left behind: its exit code, and its message where it wrote one."""
    for pod in reversed(pods):
        for container in pod["status"]["containers"]:
            ended = container["state"].get("terminated") or {}
            if ended.get("exitCode"):
                text = " ".join(str(ended.get("message") or ended.get("reason") or "").split())
                return f"container {container['name']} ended with code {ended['exitCode']}" + (
                    f": {text}" if text else ""
                )
    return ""


def _causes(pod: Object, find_node: FindNode) -> Iterator[Trouble]:
    name = pod["metadata"]["name"]
    for container in pod["status"]["containers"]:
        trouble = _of_container(container, name)
        if trouble:
            yield trouble
    if pod["status"].get("reason") == "Evicted":
        yield _evicted(pod, name)
    elif node_is_lost(pod, find_node) and pod["status"].get("phase") != "Succeeded":
        yield Trouble("NodeLost", f"pod {name}: its node {pod['spec']['nodeName']} is gone or does not answer")
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield _unschedulable(str(scheduled.get("message") or "no node takes it"), name)


def _of_container(container: Object, pod: str) -> Trouble | None:
    waiting = container["state"].get("waiting") or {}
    ended = container["state"].get("terminated") or container["last"].get("terminated") or {}
    reason, where = waiting.get("reason", ""), f"pod {pod}, container {container['name']}"
    if not container["ready"] and ended.get("reason") == OOM:
        return Trouble("ContainerOOMKilled", f"{where}: it was killed for using more memory than it may")
    if reason in IMAGE:
        return Trouble("ImagePullError", f"{where}: {waiting.get('message') or reason}")
    if reason in START:
        return Trouble("ContainerStartError", f"{where}: {waiting.get('message') or reason}")
    if reason == CRASH:
        code = ended.get("exitCode")
        said = " ".join(str(ended.get("message") or "").split())
        text = f"it keeps ending, last with code {code}" + (f": {said}" if said else "")
        return Trouble("ContainerCrashLoopBackOff", f"{where}: {text}")
    return None


def _evicted(pod: Object, name: str) -> Trouble:
    message = str(pod["status"].get("message") or "evicted")
    text = message.lower().replace("-", "").replace(" ", "")
    for pressure, word in zip(PRESSURES, ("ephemeralstorage", "memory"), strict=True):
        if word in text or pressure.lower() in text:
            return Trouble(f"Node{pressure}", f"pod {name}: {message}")
    return Trouble("PodEvicted", f"pod {name}: {message}")


def _unschedulable(message: str, name: str) -> Trouble:
    """Pressure is the cause where it alone keeps the pod from every node that it was meant for."""
    meant = _refusals(message)
    found = {reason for refusal in meant for taint, reason in TAINTS.items() if taint in refusal}
    if len(found) == 1 and all("-pressure" in refusal for refusal in meant):
        return Trouble(found.pop(), f"pod {name}: {message}")
    return Trouble("Unschedulable", f"pod {name}: {message}")


def _refusals(message: str) -> list[str]:
    """What the scheduler has against the nodes that the pod was meant for."""
    refusals = message.partition(": ")[2].partition(". ")[0].split(", ")
    return [refusal for refusal in refusals if "didn't match Pod's node affinity/selector" not in refusal]


def _condition(found: Object, kind: str) -> Object:
    conditions = (found.get("status") or {}).get("conditions") or []
    empty: Object = {}
    return next((one for one in conditions if one["type"] == kind), empty)
