"""Manifests of a Workspace's NodeClaims and NodePool, equal to upstream's (KAITO v0.12); pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from llmwright.values.node_object import INSTANCE_TYPE
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_karpenter.config import NodeOptions
from llmwright_provisioner_karpenter.node_names import (
    CAPACITY_TYPE,
    CLAIM_OWNER,
    GROUP,
    MANAGED_BY,
    NODE_POOL,
    POOL_OWNER,
    VERSION,
    owner_labels,
    pool_name,
)

Manifest = dict[str, Any]

NO_POOL = "kaito"
"""The NodePool that KAITO's NodeClaims name; it does not exist."""

IMAGE_FAMILY = "kaito.sh/node-image-family"
TAINT = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}
DISK_BYTES = 1024 * 2**30


def instance_type_name(request: NodeRequest) -> str:
    """Return the cloud's name of the requested machine."""
    return request.instance_type_name or (request.instance_type.name if request.instance_type else "")


def node_claim(request: NodeRequest, options: NodeOptions, name: str) -> Manifest:
    """Return the NodeClaim of one machine."""
    family = request.annotations.get(IMAGE_FAMILY) or options.node_image_family
    owner = owner_labels(CLAIM_OWNER, request.namespace, request.workspace)
    disk = ceil((request.disk_bytes or DISK_BYTES) / 2**30)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {**_selected(request), NODE_POOL: NO_POOL, **owner},
            "annotations": {"karpenter.sh/do-not-disrupt": "true", IMAGE_FAMILY: family},
        },
        "spec": {
            **_node_class(options),
            "taints": [dict(TAINT)],
            "requirements": _claim_requirements(request, options),
            "resources": {"requests": {"storage": f"{disk}Gi"}},
            "expireAfter": "Never",
        },
    }


def node_pool(
    request: NodeRequest, options: NodeOptions, replicas: int, template: Mapping[str, Any] | None = None
) -> Manifest:
    """Return a NodePool of ``replicas`` machines. An existing pool keeps its ``template``, so that no node moves."""
    owner = {MANAGED_BY: NO_POOL, **owner_labels(POOL_OWNER, request.namespace, request.workspace)}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "NodePool",
        "metadata": {"name": pool_name(request.namespace, request.workspace), "labels": owner},
        "spec": {
            "replicas": replicas,
            "template": dict(template) if template is not None else _template(request, options, owner),
            "disruption": {"consolidateAfter": "0s", "budgets": [{"nodes": "1", "reasons": ["Drifted"]}]},
        },
    }


def _template(request: NodeRequest, options: NodeOptions, owner: Mapping[str, str]) -> Manifest:
    requirements = [_within(INSTANCE_TYPE, instance_type_name(request)), *_capacity(options)]
    if options.cloud == "azure" and options.node_class is not None and options.node_class.kind == "AKSNodeClass":
        requirements.append(_within("karpenter.azure.com/placement-scope", "regional"))
    spec = {**_node_class(options), "taints": [dict(TAINT)], "requirements": requirements, "expireAfter": "Never"}
    return {"metadata": {"labels": {**_selected(request), **owner}}, "spec": spec}


def _claim_requirements(request: NodeRequest, options: NodeOptions) -> list[Manifest]:
    machine = instance_type_name(request)
    requirements = [
        _within(NODE_POOL, NO_POOL),
        _within(INSTANCE_TYPE, machine),
        _within("kubernetes.io/os", "linux"),
    ]
    if options.cloud == "azure":
        requirements.append(_within("karpenter.azure.com/sku-name", machine))
    if options.cloud == "aws":
        requirements.append({"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "Gt", "values": ["0"]})
    return requirements + _capacity(options)


def _capacity(options: NodeOptions) -> list[Manifest]:
    """Return the requirement of a capacity type. KAITO's gpu-provisioner knows none, and ``any`` needs none."""
    if options.capacity_type == "any" or options.gpu_provisioner:
        return []
    return [_within(CAPACITY_TYPE, options.capacity_type)]


def _selected(request: NodeRequest) -> Manifest:
    """Return the user's labels without the owner labels."""
    return {key: value for key, value in request.selector.items() if key not in (*CLAIM_OWNER, *POOL_OWNER)}


def _within(key: str, value: str) -> Manifest:
    return {"key": key, "operator": "In", "values": [value]}


def _node_class(options: NodeOptions) -> Manifest:
    if options.node_class is None:
        raise TypeError(f"no node class for {options.cloud}")
    return {"nodeClassRef": options.node_class.model_dump()}
