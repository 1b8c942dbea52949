"""The four things that are ever done to a cluster, as values."""

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
"""What KAITO puts on nodes of its gpu-provisioner, and where its chart runs NVIDIA's device plugin (v0.12)."""


def apply(manifest: Mapping[str, Any]) -> ProvisionerAction:
    """Server-side apply of a NodeClaim or NodePool."""
    return ProvisionerAction(verb=APPLY, name=manifest["metadata"]["name"], body=manifest)


def delete_claim(claim: Claim) -> ProvisionerAction:
    """This very NodeClaim, not a later one of its name."""
    return ProvisionerAction(verb=DELETE_CLAIM, name=claim.name, body={"uid": claim.uid})


def delete_pool(pool: Pool) -> ProvisionerAction:
    """This very NodePool, whose NodeClaims go with it."""
    return ProvisionerAction(verb=DELETE_POOL, name=pool.name, body={"uid": pool.uid})


def label_node(name: str) -> ProvisionerAction:
    """Lets KAITO's device plugin run on the node."""
    return ProvisionerAction(verb=LABEL_NODE, name=name, body={"labels": dict(ACCELERATOR)})
