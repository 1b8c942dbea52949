"""Which machines a provisioner is asked for."""

from __future__ import annotations

from dataclasses import replace

from llmwright.api.instance_type_field import is_auto, leaves_choice, listed_types
from llmwright.api.scaling import replicas_of
from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import InvalidWorkspace
from llmwright.plan.refusal import below
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.driver_set import DriverSet
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest


def node_request(workspace: Workspace, machine: InstanceType | None, count: int, *, disk_bytes: int = 0) -> NodeRequest:
    """``count`` machines for ``workspace``; 0 bytes of disk leave its size to the provisioner."""
    resource, selector = workspace.resource, workspace.resource.label_selector
    return NodeRequest(
        namespace=workspace.namespace,
        workspace=workspace.name,
        count=count,
        instance_type=machine,
        instance_type_name=_name(workspace, machine),
        selector=dict(selector.match_labels) if selector else {},
        annotations=dict(workspace.metadata.annotations),
        disk_bytes=disk_bytes,
        partition=resource.partition.model_dump(exclude_none=True) if resource.partition else None,
        config=resource.provisioner_config,
    )


def settled_request(request: NodeRequest, provisioner: str, drivers: DriverSet) -> NodeRequest:
    """Return ``request`` with the provisioner's own defaults; as it is for a provisioner that cannot be loaded.

    Raises:
        InvalidWorkspace: its options cannot be used.
        ConfigError: its settings cannot.
    """
    if drivers.find_provisioner(provisioner) is None:
        return request
    try:
        with driver_call("provisioner", provisioner, "settled"):
            return drivers.provisioner(provisioner).settled(request)
    except InvalidWorkspace as error:
        raise InvalidWorkspace(below("resource.provisionerConfig", error.problems)) from error


def _name(workspace: Workspace, machine: InstanceType | None) -> str:
    """The cloud's name of the machine; labels of nodes and shares of GPUs tell none, so there it is what is written."""
    if machine is not None and not machine.is_a_node:
        return machine.name
    written = workspace.resource.instance_type
    return "" if leaves_choice(written) else written


def template_nodes(
    workspace: Workspace, catalogue: Catalogue, settings: Settings, nodes: int | None = None
) -> NodeRequest:
    """Return the request of ``inference.template``, which needs no Plan: the machines written, for each replica.

    Args:
        nodes: the number of machines where that was decided before.
    """
    written = listed_types(workspace.resource.instance_type or settings.instance_type or "")[0]
    machine = catalogue.find_instance_type(written, settings.cloud) if written else None
    request = node_request(workspace, machine, nodes or (workspace.resource.count or 1) * replicas_of(workspace))
    first = written if workspace.resource.instance_type and not is_auto(written) else ""
    return replace(request, instance_type_name=request.instance_type_name or first)
