"""The kinds that the simulated cluster serves: those of the kit, Karpenter's and a third party's."""

from __future__ import annotations

from llmwright.testing.simulation import kinds
from llmwright.testing.simulation.kinds import (
    AUTOSCALERS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    EVENTS,
    JOBS,
    LEASES,
    MUTABLE_OF_STATEFULSET,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    WORKSPACES,
    Kind,
)

NODE_CLAIMS = Kind("karpenter.sh", "v1", "nodeclaims", "NodeClaim", namespaced=False)
NODE_POOLS = Kind("karpenter.sh", "v1", "nodepools", "NodePool", namespaced=False)
RACKS = Kind("acme.example", "v1", "racks", "Rack", namespaced=False)
"""Machines of a third party."""

ALL = (*kinds.ALL, NODE_CLAIMS, NODE_POOLS, RACKS)

__all__ = [
    "ALL",
    "AUTOSCALERS",
    "CONFIG_MAPS",
    "CONTROLLER_REVISIONS",
    "EVENTS",
    "JOBS",
    "LEASES",
    "MUTABLE_OF_STATEFULSET",
    "NODES",
    "NODE_CLAIMS",
    "NODE_POOLS",
    "PODS",
    "RACKS",
    "SERVICES",
    "STATEFULSETS",
    "WORKSPACES",
    "Kind",
]
