"""Asking for machines, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright.values.instance_type import InstanceType

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
"""Labels that the controller sets itself; in a user's selector they are left aside (KAITO v0.12)."""


def unreserved(labels: Mapping[str, str]) -> dict[str, str]:
    """``labels`` without the reserved ones."""
    return {key: value for key, value in labels.items() if key not in RESERVED_LABELS}


FailureKind = Literal["quota", "capacity", "auth", "invalid", "retired", "transient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRequest:
    """``count`` machines for one Workspace; 0 releases them. ``state`` is what the provisioner remembered, a hint."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine as found."""

    name: str
    ready: bool = True
    instance_type: InstanceType | None = None
    pressure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """All nodes asked for are there and usable (none, after a release)."""

    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet; ``again_in`` seconds where no watch will tell, None where one will."""

    reason: str
    message: str
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Will not come without somebody's doing; ``transient`` is tried again with backoff."""

    kind: FailureKind
    message: str
    reason: str = ""


Outcome = Ready | Waiting | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerAction:
    """One idempotent act of a provisioner: a verb of its own and what it needs."""

    verb: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerDecision:
    """What to do now, the outcome as of now, and what to remember (at most 4 KiB as JSON; losing it is harmless)."""

    outcome: Outcome
    actions: tuple[ProvisionerAction, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a workload may run and what it asks for there."""

    selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    gpu_resource: str = "nvidia.com/gpu"
    runtime_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A kind whose changes concern Workspaces; ``labels`` names the two labels that hold namespace and name.

    A runtime's need none: its objects lie in the Workspace's namespace, under the core's own label.
    """

    group: str
    version: str
    plural: str
    labels: tuple[str, str] | None = None
