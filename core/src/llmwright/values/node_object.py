"""A cluster's Node object, reduced to the facts that decide where models run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
GPU = "nvidia.com/gpu"
CORDONED = "Cordoned"

_PRESSURE = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeObject:
    """One node. ``pressure`` names what keeps new pods off a ready node: conditions with pressure, ``Cordoned``."""

    name: str
    labels: Mapping[str, str]
    ready: bool
    pressure: tuple[str, ...]
    allocatable: Mapping[str, Any]

    @property
    def instance_type(self) -> str:
        """The cloud's name of the machine; empty without the label."""
        return self.labels.get(INSTANCE_TYPE, "")

    def devices(self, resource: str = GPU) -> int:
        """Return the number of devices that the device plugin offers; 0 before that plugin runs."""
        text = str(self.allocatable.get(resource, "0"))
        return int(text) if text.isdecimal() else 0

    def matches(self, selector: Mapping[str, str]) -> bool:
        """Whether it carries every label of ``selector``."""
        return all(self.labels.get(key) == value for key, value in selector.items())


def node_object(node: Mapping[str, Any]) -> NodeObject:
    """Read a ``v1`` Node from JSON. Missing fields become empty; a Node without conditions is not ready."""
    metadata, status = node.get("metadata") or {}, node.get("status") or {}
    conditions = {condition.get("type"): condition.get("status") for condition in status.get("conditions") or ()}
    pressure = [name for name in _PRESSURE if conditions.get(name) == "True"]
    if (node.get("spec") or {}).get("unschedulable"):
        pressure.append(CORDONED)
    return NodeObject(
        name=metadata.get("name", ""),
        labels=metadata.get("labels") or {},
        ready=conditions.get("Ready") == "True" and not metadata.get("deletionTimestamp"),
        pressure=tuple(pressure),
        allocatable=status.get("allocatable") or {},
    )
