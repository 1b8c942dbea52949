"""Values for the tests: requests, NodeClaims, NodePools, nodes, and the decision on them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from llmwright.testing import make_context, make_instance_type
from llmwright.testing.presets import NOW
from llmwright.values.node_object import NodeObject
from llmwright.values.nodes import NodeRequest, ProvisionerDecision
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.node_names import claim_names, pool_name
from llmwright_provisioner_karpenter.owned_objects import Claim, ClaimCondition, ClaimEvent, OwnedObjects, Pool

SKU = "Standard_NC24ads_A100_v4"


KWOK = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass"}


READY = (ClaimCondition("Ready", "True"),)


def ask(mode: str = "nodeclaim", **changes: Any) -> NodeRequest:
    facts: dict[str, Any] = {"namespace": "ns", "workspace": "ws", "count": 1, "instance_type_name": SKU}
    facts["instance_type"] = make_instance_type(name=SKU, cloud="azure", gpus=1)
    return NodeRequest(**{**facts, "config": {"mode": mode, "nodeClassRef": KWOK}, **changes})


def name(index: int = 0) -> str:
    names = claim_names("ns", "ws")
    return [next(names) for _ in range(index + 1)][-1]


def claim(called: str = "", *, ready: bool = True, **changes: Any) -> Claim:
    called = called or name()
    facts = {"node": f"node-{called}", "conditions": READY} if ready else {}
    return Claim(**{"name": called, "uid": "u", "created": NOW, **facts, **changes})


def node(called: str, **changes: Any) -> NodeObject:
    labels = {"node.kubernetes.io/instance-type": SKU}
    facts: dict[str, Any] = {"ready": True, "pressure": (), "allocatable": {"nvidia.com/gpu": "1"}, "labels": labels}
    return NodeObject(**{"name": f"node-{called}", **facts, **changes})


def seen(*claims: Claim, **changes: Any) -> OwnedObjects:
    nodes = {each.node: node(each.name) for each in claims if each.node}
    return OwnedObjects(**{"claims": claims, "nodes": nodes, **changes})


def decide(request: NodeRequest, observed: OwnedObjects, now: datetime = NOW, **settings: Any) -> ProvisionerDecision:
    return KarpenterProvisioner(make_context(settings=settings)).decide(request, observed, now)


def verbs(decision: ProvisionerDecision) -> list[tuple[str, str]]:
    return [(action.verb, action.name) for action in decision.actions]


LAUNCH_FAILED = {
    "quota": "creating instance, QuotaExceeded: Operation results in exceeding approved cores quota",
    "capacity": "InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity",
    "auth": "AuthorizationFailed: the client does not have authorization to perform action",
    "invalid": "resolving node class, ec2nodeclass not found",
}


ICE = "NodeClaim {name} event: creating instance, insufficient capacity, all requested instance types were unavailable"
"""As Karpenter's ``InsufficientCapacityErrorEvent`` words it."""


def event(
    called: str = "",
    reason: str = "InsufficientCapacityError",
    seconds: float = 0.0,
    text: str = ICE,
    uid: str = "u",
) -> ClaimEvent:
    called = called or name()
    return ClaimEvent(called, uid, reason, text.format(name=called), NOW + timedelta(seconds=seconds))


def pool(**changes: Any) -> Pool:
    return Pool(**{"name": pool_name("ns", "ws"), "uid": "p", "created": NOW, "replicas": 1, **changes})


def pooled(*claims: Claim, **changes: Any) -> OwnedObjects:
    nodes = {each.node: node(each.name) for each in claims if each.node}
    return OwnedObjects(**{"pooled": claims, "nodes": nodes, "pool": pool(), **changes})
