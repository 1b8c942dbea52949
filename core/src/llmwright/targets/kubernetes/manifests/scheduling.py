"""Where a pod may run: GPUs, node affinity and tolerations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.values.nodes import Placement, unreserved

GPU = "nvidia.com/gpu"

_AZURE_SPOT = {
    "key": "kubernetes.azure.com/scalesetpriority",
    "operator": "Equal",
    "value": "spot",
    "effect": "NoSchedule",
}


def gpu_resource(workspace: Workspace, placement: Placement) -> str:
    """Return the name of the resource to request: whole GPUs, or MIG slices of the Workspace's profile."""
    partition = workspace.resource.partition
    if partition is not None and partition.mode == "mig":
        return f"nvidia.com/mig-{partition.profile}"
    return placement.gpu_resource


def gpu_requests(resource: str, gpus: int) -> dict[str, Any] | None:
    """Return a container's requests and limits; None without GPUs."""
    if gpus == 0:
        return None
    amount = {resource: str(gpus)}
    return {"limits": dict(amount), "requests": dict(amount)}


def node_affinity(selected: Mapping[str, str], placed: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Return an affinity with one required term; None where nothing is required.

    Args:
        selected: the user's labels. Reserved labels among them are left out.
        placed: the provisioner's labels. A provisioner without labels of its own returns the user's.
    """
    labels = unreserved(selected)
    if placed is not None and dict(placed) != dict(selected):
        labels |= placed
    if not labels:
        return None
    term = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    required = {"nodeSelectorTerms": [{"matchExpressions": term}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def serving_tolerations(cloud: str, placement: Placement, resource: str) -> list[dict[str, Any]]:
    """Return the tolerations of a serving pod that requests ``resource``. KAITO's list differs from that of tuning."""
    tolerations: list[dict[str, Any]] = [
        {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
        *_of_cloud(cloud),
    ]
    if resource != GPU:
        tolerations.append({"key": resource, "operator": "Exists", "effect": "NoSchedule"})
    return _with_provisioners(tolerations, placement)


def tuning_tolerations(cloud: str, placement: Placement) -> list[dict[str, Any]]:
    """Return the tolerations of a tuning pod: KAITO's, and those of the taint that keeps others off its GPUs."""
    tolerations: list[dict[str, Any]] = [
        {"key": "gpu", "operator": "Equal", "effect": "NoSchedule"},
        {"key": "sku", "value": "gpu", "effect": "NoSchedule"},
        *_of_cloud(cloud),
    ]
    tolerations += [
        {"key": resource, "operator": "Exists", "effect": "NoSchedule"}
        for resource in dict.fromkeys((GPU, placement.gpu_resource))
    ]
    return _with_provisioners(tolerations, placement)


def _of_cloud(cloud: str) -> list[dict[str, Any]]:
    return [dict(_AZURE_SPOT)] if cloud == "azure" else []


def _with_provisioners(tolerations: list[dict[str, Any]], placement: Placement) -> list[dict[str, Any]]:
    return [*tolerations, *(dict(more) for more in placement.tolerations if dict(more) not in tolerations)]
