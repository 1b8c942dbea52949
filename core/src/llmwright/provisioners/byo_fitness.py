"""Whether a node that somebody brought can run a Workspace, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.catalogue.node_labels import PRESENT, instance_type_of_node, mig_is_active
from llmwright.errors import ConfigError
from llmwright.values.instance_type import InstanceType
from llmwright.values.node_object import INSTANCE_TYPE, NodeObject
from llmwright.values.nodes import NodeRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is empty where the node will do; ``machine`` is what its labels say, None where they say nothing."""

    node: NodeObject
    reason: str = ""
    message: str = ""
    machine: InstanceType | None = None


def judge(request: NodeRequest, node: NodeObject) -> Verdict:
    """The first thing that is wrong with ``node``, in the order in which somebody would mend it."""
    type_name = request.instance_type_name
    if type_name and node.instance_type != type_name:
        has = f"label {INSTANCE_TYPE} is {node.instance_type}" if node.instance_type else f"no label {INSTANCE_TYPE}"
        return Verdict(node, "WrongInstanceType", f"{node.name} is no {type_name}: {has}")
    if not node.ready:
        pressed = f" ({', '.join(node.pressure)})" if node.pressure else ""
        return Verdict(node, "NodeNotReady", f"{node.name} is not ready{pressed}")
    return _with_gpus(request, node)


def _with_gpus(request: NodeRequest, node: NodeObject) -> Verdict:
    if request.instance_type is not None and request.instance_type.gpus == 0:
        return Verdict(node)
    try:
        machine = instance_type_of_node(node.labels, node.allocatable, node=node.name)
    except ConfigError as error:
        if not _known_otherwise(request, node):
            return Verdict(node, error.reason, f"{error.message}; {error.hint}" if error.hint else error.message)
        return _shared(request, node, None, node.devices())
    if machine.gpus == 0 and request.instance_type is not None:
        return Verdict(node, "NoGpu", f"{node.name} has no GPU: its label {PRESENT} is false", machine)
    return _shared(request, node, machine, machine.gpus)


def _known_otherwise(request: NodeRequest, node: NodeObject) -> bool:
    """Return whether the GPUs are known from the named instance type, and the node offers some."""
    return bool(request.instance_type_name) and request.instance_type is not None and node.devices() > 0


def _shared(request: NodeRequest, node: NodeObject, machine: InstanceType | None, gpus: int) -> Verdict:
    partition = request.partition or {}
    if partition.get("mode") == "mig":
        profile = partition.get("profile", "")
        if node.devices(f"nvidia.com/mig-{profile}") == 0 and not mig_is_active(node.labels):
            return Verdict(node, "NoMigSlice", f"{node.name} offers no MIG slice {profile}", machine)
    elif (count := partition.get("count") or 0) > gpus:
        return Verdict(node, "NotEnoughGpus", f"{node.name} has {gpus} GPUs, {count} are asked for", machine)
    return Verdict(node, machine=machine)
