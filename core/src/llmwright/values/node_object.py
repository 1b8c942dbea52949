"""What a cluster's Node object says, as far as placing models on it is concerned."""

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
    """One node. ``pressure`` names what keeps new pods away from a node that is ready: conditions, ``Cordoned``."""

    name: str
    labels: Mapping[str, str]
    ready: bool
    pressure: tuple[str, ...]
    allocatable: Mapping[str, Any]

    @property
    def instance_type(self) -> str:
        """The cloud's name of the machine; empty where nobody labelled it."""
        return self.labels.get(INSTANCE_TYPE, "")

    def devices(self, resource: str = GPU) -> int:
        """How many of an extended resource its device plugin offers; 0 before the plugin runs."""
        text = str(self.allocatable.get(resource, "0"))
        return int(text) if text.isdecimal() else 0

    def matches(self, selector: Mapping[str, str]) -> bool:
        """Whether it carries every label of ``selector``."""
        return all(self.labels.get(key) == value for key, value in selector.items())


def node_object(found: Mapping[str, Any]) -> NodeObject:
    """``v1`` Node as JSON -> what it says; what it leaves out is empty, and not ready."""
    metadata, status = found.get("metadata") or {}, found.get("status") or {}
    conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
    pressure = [name for name in _PRESSURE if conditions.get(name) == "True"]
    if (found.get("spec") or {}).get("unschedulable"):
        pressure.append(CORDONED)
    return NodeObject(
        name=metadata.get("name", ""),
        labels=metadata.get("labels") or {},
        ready=conditions.get("Ready") == "True" and not metadata.get("deletionTimestamp"),
        pressure=tuple(pressure),
        allocatable=status.get("allocatable") or {},
    )
