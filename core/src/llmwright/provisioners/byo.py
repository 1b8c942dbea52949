"""The provisioner ``byo``: nodes that somebody else brings and labels; nothing is created and nothing given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from llmwright.plugins.drivers import Provisioner
from llmwright.provisioners.byo_fitness import Verdict, judge
from llmwright.values.node_object import GPU, NodeObject, node_object
from llmwright.values.nodes import (
    Node,
    NodeRequest,
    Outcome,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
    Watch,
    unreserved,
)
from llmwright.values.plan import Target
from llmwright.values.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Matching:
    """The nodes that carry the labels that the user selected, by name."""

    nodes: tuple[NodeObject, ...] = ()


class ByoProvisioner(Provisioner):
    """Waits until enough nodes that match ``resource.labelSelector.matchLabels`` can run the workload.

    A share of a node (``resource.partition``) is a matter of what a pod asks for: a node that is taken in part is
    Ready for the next Workspace too, and the scheduler counts what is left.
    """

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})
    default_rank: ClassVar[Mapping[Target, int]] = {"kubernetes": 50}
    nodes_are_brought = True

    def watches(self) -> tuple[Watch, ...]:
        """Nodes. They carry no owner label: any of them may concern any Workspace that waits."""
        return (Watch(group="", version="v1", plural="nodes"),)

    def observe(self, request: NodeRequest, snapshot: Snapshot) -> Matching:
        """The nodes that match the selector; none where nodes are given back."""
        if request.count == 0:
            return Matching()
        return Matching(tuple(map(node_object, snapshot.nodes(selector_of(request)))))

    def decide(self, request: NodeRequest, observed: Matching, now: datetime) -> ProvisionerDecision:
        """Ready with ``count`` usable nodes: first those that are occupied, then those without pressure."""
        if request.count == 0:
            return ProvisionerDecision(outcome=Ready())
        return ProvisionerDecision(outcome=_outcome(request, [judge(request, node) for node in observed.nodes]))

    def act(self, action: ProvisionerAction) -> None:
        """Nothing: ``decide`` asks for nothing."""

    def placement(self, request: NodeRequest) -> Placement:
        """The user's own selector, and slices instead of whole GPUs where the Workspace asks for one."""
        partition = request.partition or {}
        sliced = partition.get("mode") == "mig"
        resource = f"nvidia.com/mig-{partition.get('profile')}" if sliced else GPU
        return Placement(selector=request.selector, gpu_resource=resource)


def selector_of(request: NodeRequest) -> Mapping[str, str]:
    """Return the labels that a node must carry. Labels that only provisioners set do not count, as in the pods."""
    return unreserved(request.selector)


def _outcome(request: NodeRequest, verdicts: list[Verdict]) -> Outcome:
    good = sorted(
        (verdict for verdict in verdicts if not verdict.reason),
        key=lambda verdict: (verdict.node.name not in request.occupied, bool(verdict.node.pressure)),
    )
    if len(good) >= request.count:
        chosen = sorted(good[: request.count], key=lambda verdict: verdict.node.name)
        return Ready(tuple(_node(verdict) for verdict in chosen))
    if not verdicts:
        selector = ",".join(f"{key}={value}" for key, value in sorted(selector_of(request).items()))
        message = f"no node matches the selector {selector or '(every node)'}: label one, or change labelSelector"
        return Waiting("NoMatchingNode", message)
    bad = [verdict for verdict in verdicts if verdict.reason]
    missing = f"{len(good)} of {request.count} nodes are ready"
    if not bad:
        message = f"{missing}: only {len(verdicts)} match the selector"
        return Waiting("NotEnoughNodes", message)
    return Waiting(bad[0].reason, f"{missing}; {'; '.join(_messages(bad))}")


def _messages(bad: list[Verdict], most: int = 5) -> list[str]:
    """Return the messages of the first few, and the number of the others."""
    rest = len(bad) - most
    return [verdict.message for verdict in bad[:most]] + ([f"and {rest} more"] if rest > 0 else [])


def _node(verdict: Verdict) -> Node:
    return Node(name=verdict.node.name, instance_type=verdict.machine, pressure=verdict.node.pressure)
