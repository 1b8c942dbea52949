"""The request for machines, and the provisioner's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright.values.instance_type import InstanceType
from llmwright.values.node_object import NodeObject

RESERVED_LABELS = frozenset(
    (
        "kaito.sh/workspace",
        "kaito.sh/ragengine",
        "kaito.sh/workspacenamespace",
        "kaito.sh/ragenginenamespace",
        "karpenter.kaito.sh/workspace-name",
        "karpenter.kaito.sh/workspace-namespace",
        "karpenter.kaito.sh/inferenceset",
        "karpenter.kaito.sh/inferenceset-namespace",
    )
)
"""Labels that the controller sets itself. In a user's selector they are ignored (KAITO v0.12)."""


def unreserved(labels: Mapping[str, str]) -> dict[str, str]:
    """Return ``labels`` without the reserved labels."""
    return {key: value for key, value in labels.items() if key not in RESERVED_LABELS}


FailureKind = Literal["quota", "capacity", "auth", "invalid", "retired", "transient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRequest:
    """``count`` machines for one Workspace; 0 releases them. ``state`` is what the provisioner remembered, a hint.

    ``inputs`` is a digest of what the user wrote, empty where nothing is known of it. Another digest than before is the
    user's wish that a provisioner which rests after failures tries at once.

    ``occupied`` names the nodes with pods of the Workspace that still run: where fewer machines are asked for than
    there are, others go. There are never more of them than ``count``. Nodes of others may be among them.

    ``joined`` are the cluster's nodes that carry all labels of the driver's own ``Placement``, for a driver with a
    ``refresh``: its cloud knows machines, and not which of them became nodes. Others read nodes from the caches.
    """

    namespace: str
    workspace: str
    count: int
    instance_type: InstanceType | None = None
    instance_type_name: str = ""
    selector: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    disk_bytes: int = 0
    partition: Mapping[str, Any] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = ""
    occupied: frozenset[str] = frozenset()
    joined: tuple[NodeObject, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """The labels that each node must carry: without them no pod of the Workspace lands there."""
        return unreserved(self.selector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine that is there."""

    name: str
    ready: bool = True
    instance_type: InstanceType | None = None
    pressure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """All requested nodes are there and usable; no node after a release.

    ``again_in`` is in seconds, where something is left to do that no watch reports.
    """

    nodes: tuple[Node, ...] = ()
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not ready yet. ``again_in`` is in seconds; None where a watch reports the change."""

    reason: str
    message: str
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The nodes cannot be had until somebody acts. Only the kind ``transient`` is tried again, with back-off.

    ``again_in`` is in seconds, for a provisioner that tries again by itself.
    """

    kind: FailureKind
    message: str
    reason: str = ""
    again_in: float | None = None


Outcome = Ready | Waiting | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerAction:
    """One idempotent act of a provisioner: its own verb, the object's name, and the data that it needs."""

    verb: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerDecision:
    """The actions to take now, the outcome so far, and the state to remember.

    ``state`` is at most 4 KiB as JSON. It is a hint: losing it is harmless. ``paced`` says that the provisioner itself
    rests between attempts to get machines, because a controller of its own makes them again without an act: the core
    then counts only machines that were lost after they were ready.
    """

    outcome: Outcome
    actions: tuple[ProvisionerAction, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The nodes where a workload may run, and the GPU resource that it requests there.

    ``selector`` are labels that a node must carry besides ``NodeRequest.labels``. Nodes that lack one of them are
    named in the status, and nothing starts on them.
    """

    selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    gpu_resource: str = "nvidia.com/gpu"
    runtime_class: str | None = None


def required_labels(request: NodeRequest, placement: Placement) -> dict[str, str]:
    """Return the labels without which a node takes no pod of that Workspace: the user's, and the provisioner's own."""
    own = {} if dict(placement.selector) == dict(request.selector) else placement.selector
    return {**request.labels, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingWorkspace:
    """A Workspace that is there. ``provisioner`` and ``options`` are those of the plan in its status.

    Without a plan they are empty: it may have asked for machines just now. A driver's own Workspaces name it by
    ``context.name``, which is the name of its entry point in general and another one in a test.
    """

    namespace: str
    workspace: str
    provisioner: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A thing that a provisioner made and no Workspace needs: its name for people, and the acts that give it back.

    ``namespace`` and ``workspace`` are those of the Workspace that it was made for; empty where nothing tells.
    """

    name: str
    actions: tuple[ProvisionerAction, ...] = ()
    namespace: str = ""
    workspace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fact that bears on whether something can be done: ``about`` is its subject, ``message`` the fact with figures.

    ``unchecked`` is a fact that could not be had. ``hint`` is the remedy; ``kind`` that of a problem, as ``Failed``'s.
    """

    about: str
    state: Literal["ok", "problem", "unchecked"]
    message: str
    hint: str = ""
    kind: FailureKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A kind to watch. ``labels`` names the two labels that hold the namespace and the name of the Workspace.

    A runtime leaves them None: its objects are in the Workspace's namespace, with the core's own label.
    ``events_of`` is the kind as Events name it (``NodeClaim``), for a provisioner whose controller tells by Warning
    Events what no object tells: ``Snapshot.events`` then has them.

    Of the kind by which a runtime serves, ``brought_by`` tells people what installs it. ``endpoint_labels`` are the
    labels, beside the core's, of those pods that answer: the Service leads to no other. ``longest_name`` is that of a
    Workspace after which such an object can be called; None where the core's own bound holds.
    """

    group: str
    version: str
    plural: str
    labels: tuple[str, str] | None = None
    events_of: str = ""
    brought_by: str = ""
    endpoint_labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    longest_name: int | None = None
