"""The body of an agent pool, as AKS's REST API takes it (gpu-provisioner's mapping, and the options); pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from math import ceil
from typing import Any

from llmwright.errors import Problem
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_aks.options import AksOptions
from llmwright_provisioner_aks.pool_names import MACHINE_TYPE, SHAPE_TAG, owner_labels, owner_tags

Body = dict[str, Any]

IMAGE_FAMILY = "kaito.sh/node-image-family"
TAINT = "sku=gpu:NoSchedule"
DISK_BYTES = 1024 * 2**30
MOST_DISK_GB = 2048
SPOT_TAINT = {
    "key": "kubernetes.azure.com/scalesetpriority",
    "operator": "Equal",
    "value": "spot",
    "effect": "NoSchedule",
}
"""The toleration of the taint that AKS puts on the nodes of every spot pool."""

BY_AKS = ("kubernetes.io", "k8s.io", "kubernetes.azure.com")
"""Domains of labels that an agent pool may not have: AKS and the kubelet set them (AKS, 'Use labels')."""

_OF_SHAPE = (
    "vmSize", "osSKU", "osDiskSizeGB", "scaleSetPriority", "spotMaxPrice", "availabilityZones", "vnetSubnetID",
    "gpuProfile", "gpuInstanceProfile", "capacityReservationGroupID", "nodeLabels",
)  # fmt: skip


def instance_type_name(request: NodeRequest) -> str:
    """Return Azure's name of the requested machine."""
    return request.instance_type_name or (request.instance_type.name if request.instance_type else "")


def pool_body(request: NodeRequest, options: AksOptions) -> Body:
    """Return the agent pool of ``request.count`` nodes, the same for the same arguments."""
    size = instance_type_name(request)
    family = request.annotations.get(IMAGE_FAMILY, "").lower()
    properties: Body = {
        "count": request.count,
        "vmSize": size,
        "mode": "User",
        "type": "VirtualMachineScaleSets",
        "osType": "Linux",
        "osSKU": "AzureLinux" if family == "azurelinux" else "Ubuntu",
        "osDiskSizeGB": min(ceil((request.disk_bytes or DISK_BYTES) / 2**30), MOST_DISK_GB),
        "nodeTaints": [TAINT],
        "nodeLabels": {
            **{key: value for key, value in request.labels.items() if not set_by_aks(key)},
            MACHINE_TYPE: "gpu" if _has_gpus(request) else "cpu",
            **owner_labels(request.namespace, request.workspace),
        },
        **_of_options(options, _has_gpus(request)),
    }
    bounds = autoscaling(request.count, options)
    if bounds is not None:
        properties |= {"enableAutoScaling": True, "minCount": bounds[0], "maxCount": bounds[1]}
    owner = owner_tags(request.namespace, request.workspace)
    properties["tags"] = {**options.tags, **owner, SHAPE_TAG: _shape(properties)}
    return {"properties": properties}


def shape_of(body: Mapping[str, Any]) -> str:
    """Return the digest of all that cannot change while the pool is there."""
    return str(body["properties"]["tags"][SHAPE_TAG])


def autoscaling(count: int, options: AksOptions) -> tuple[int, int] | None:
    """Return the fewest and most nodes for the cluster autoscaler, None where it is off. Those needed always stay."""
    if options.max_nodes is None:
        return None
    return max(options.min_nodes or count, count), max(options.max_nodes, count)


def set_by_aks(label: str) -> bool:
    """Return whether an agent pool may not give its nodes this label."""
    domain = label.partition("/")[0] if "/" in label else ""
    return label == "agentpool" or any(domain == each or domain.endswith(f".{each}") for each in BY_AKS)


def problems_of(request: NodeRequest, options: AksOptions) -> list[Problem]:
    """Return what AKS would refuse of these options for this request; paths are relative to the options."""
    problems = []
    if options.max_nodes is not None and request.count > options.max_nodes:
        message = f"{options.max_nodes} is below the {request.count} nodes that are needed"
        problems.append(Problem("maxNodes", message, "raise it", reason="Unworkable"))
    machine, size = request.instance_type, instance_type_name(request)
    if size and not _has_gpus(request):
        for name, chosen in (("gpuDriver", options.gpu_driver != "install"), ("migProfile", options.mig_profile)):
            if chosen:
                problems.append(Problem(name, f"{size} has no GPU", "leave it out", reason="Unworkable"))
    elif options.mig_profile and machine and machine.compute_capability and machine.compute_capability < (8, 0):
        message = f"the GPUs of {size} ({machine.gpu_model}) cannot be divided by MIG"
        problems.append(Problem("migProfile", message, "leave it out, or name a machine with A100 or newer"))
    for label in sorted(label for label in request.labels if _never(label, request)):
        message = f"AKS gives no node the label {label}={request.labels[label]}"
        problems.append(Problem("", message, "leave it out of resource.labelSelector", reason="Unworkable"))
    return problems


def _never(label: str, request: NodeRequest) -> bool:
    known = {
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": instance_type_name(request) or request.labels.get(label),
        "kubernetes.io/arch": request.labels.get(label),
    }
    return set_by_aks(label) and known.get(label) != request.labels[label]


def _has_gpus(request: NodeRequest) -> bool:
    """By the catalogue; a size that it does not know has GPUs where its name is of family N, as for gpu-provisioner."""
    if request.instance_type is not None:
        return request.instance_type.gpus > 0
    return "standard_n" in instance_type_name(request).lower()


def _of_options(options: AksOptions, gpus: bool) -> Body:
    properties: Body = {}
    if options.capacity_type == "spot":
        properties |= {"scaleSetPriority": "Spot", "scaleSetEvictionPolicy": "Delete"}
        # -1 is Azure's word for: up to the price of on-demand.
        properties["spotMaxPrice"] = -1 if options.spot_max_price is None else options.spot_max_price
    if options.zones:
        properties["availabilityZones"] = list(options.zones)
    if options.subnet_id:
        properties["vnetSubnetID"] = options.subnet_id
    if gpus and options.gpu_driver == "none":
        properties["gpuProfile"] = {"driver": "None"}
    if options.mig_profile:
        properties["gpuInstanceProfile"] = options.mig_profile
    if options.capacity_reservation_group:
        properties["capacityReservationGroupID"] = options.capacity_reservation_group
    return properties


def _shape(properties: Mapping[str, Any]) -> str:
    facts = {name: properties[name] for name in _OF_SHAPE if name in properties}
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
