"""The nodes that must not go yet: those with pods of a Workspace that stay, or that have not ended; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.targets.kubernetes.operator.cache.projection import is_ready
from llmwright.targets.kubernetes.operator.observe.pod_causes import FindNode
from llmwright.values.nodes import NodeRequest

ENDED = frozenset({"Succeeded", "Failed"})

Object = Mapping[str, Any]


def sparing(
    request: NodeRequest, pods: Iterable[Object], find_node: FindNode, held: Collection[str], stays: int
) -> NodeRequest:
    """Return ``request`` for as many nodes as it asks for, and those besides whose pods have not ended.

    Nodes that went first would take survivors with them: which ones go is for the cloud to choose.

    Args:
        pods: those of the Workspace.
        held: the names of the nodes that were held last. Others are not the provisioner's to give back.
        stays: how many of the server's pods stay: those with lower ordinals. Any other pod stays.
    """
    running = [pod for pod in pods if pod["spec"].get("nodeName") and pod["status"].get("phase") not in ENDED]
    staying = {pod["spec"]["nodeName"] for pod in running if ordinal(pod) < stays}
    ending = {pod["spec"]["nodeName"] for pod in running} & {*held}
    # The kubelet of a broken node never says that its pods have ended. Only its machine can go.
    ending = {name for name in ending - staying if (node := find_node(name)) is not None and is_ready(node)}
    occupied = frozenset(name for name in staying if find_node(name) is not None) | ending
    return replace(request, count=max(request.count, len(occupied)), occupied=occupied)


def ordinal(pod: Object) -> int:
    """Return the number of a StatefulSet's pod; -1 for any other pod."""
    owners = pod["metadata"].get("ownerReferences") or []
    numbered = any(owner["kind"] == "StatefulSet" and owner.get("controller") for owner in owners)
    number = pod["metadata"]["name"].rpartition("-")[2]
    return int(number) if numbered and number.isdecimal() else -1
