"""The four actions on a cluster, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.values.nodes import ProvisionerAction
from llmwright_provisioner_karpenter.owned_objects import Claim, Pool

APPLY = "apply"
DELETE_CLAIM = "delete-nodeclaim"
DELETE_POOL = "delete-nodepool"
LABEL_NODE = "label-node"

ACCELERATOR = {"accelerator": "nvidia"}
"""KAITO's label on nodes of its gpu-provisioner; its chart runs NVIDIA's device plugin where it is set (v0.12)."""


def apply(manifest: Mapping[str, Any]) -> ProvisionerAction:
    """Apply a NodeClaim or NodePool, server-side."""
    return ProvisionerAction(verb=APPLY, name=manifest["metadata"]["name"], body=manifest)


def delete_claim(claim: Claim) -> ProvisionerAction:
    """Delete this NodeClaim. Its uid keeps a later NodeClaim of the same name safe."""
    return ProvisionerAction(verb=DELETE_CLAIM, name=claim.name, body={"uid": claim.uid})


def delete_pool(pool: Pool) -> ProvisionerAction:
    """Delete this NodePool; its NodeClaims go with it."""
    return ProvisionerAction(verb=DELETE_POOL, name=pool.name, body={"uid": pool.uid})


def label_node(name: str) -> ProvisionerAction:
    """Label a node so that KAITO's device plugin runs on it."""
    return ProvisionerAction(verb=LABEL_NODE, name=name, body={"labels": dict(ACCELERATOR)})
