"""The parts of an earlier choice that hold: the recorded runtime, machines and number of nodes; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.api.instance_type_field import leaves_choice
from llmwright.api.scaling import replicas_of
from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.catalogue.node_labels import instance_type_of_node
from llmwright.errors import ConfigError
from llmwright.targets.kubernetes.operator.cache.projection import is_ready
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Plan


def on_machines(workspace: Workspace, record: PlanRecord) -> Workspace:
    """Return ``workspace`` on the machines that were chosen for it: software may change, bought machines stay."""
    resource: dict[str, Any] = {"provisioner": workspace.resource.provisioner or record.provisioner}
    if leaves_choice(workspace.resource.instance_type) and record.instance_type:
        resource["instance_type"] = record.instance_type
    return workspace.model_copy(update={"resource": workspace.resource.model_copy(update=resource)})


def keeps_machines(workspace: Workspace, record: PlanRecord) -> bool:
    """Return whether the machines on record are to be kept: always but for another model, which may not fit them."""
    preset = workspace.preset
    return preset is None or preset.name == record.preset


def on_bought_type(workspace: Workspace, record: PlanRecord | None) -> Workspace:
    """Return ``workspace`` with the type of the machines that were bought where it leaves the type to the settings."""
    if workspace.resource.instance_type or record is None or not record.instance_type:
        return workspace
    resource = workspace.resource.model_copy(update={"instance_type": record.instance_type})
    return workspace.model_copy(update={"resource": resource})


def pinned(workspace: Workspace, record: PlanRecord) -> Workspace:
    """Return ``workspace`` with the recorded choice written where its user leaves the choice open."""
    chosen = on_machines(workspace, record)
    inference = workspace.inference
    if inference is None or inference.runtime is not None or not record.runtime:
        return chosen
    return chosen.model_copy(update={"inference": inference.model_copy(update={"runtime": record.runtime})})


def types_in_turn(record: PlanRecord) -> tuple[str, ...]:
    """Return the instance types to try, in order; those that were refused come last, the latest of them at the end."""
    return tuple(dict.fromkeys((*record.alternatives, *(refused.instance_type for refused in record.refused))))


def settled_nodes(workspace: Workspace, status: WorkspaceStatus | None, record: PlanRecord | None) -> int | None:
    """Return the number of nodes that was decided first; a changed config or runtime keeps it (KAITO v0.12).

    None where nothing was decided, or where a change asks for another decision: another model, a number of copies.
    """
    if status is None or status.plan is None:
        return None
    before, replicas = status.plan.replicas, replicas_of(workspace)
    if before is not None and before != replicas:
        # Of the same decision, more or fewer copies.
        nodes, rest = divmod(status.target_node_count or 0, before or 1)
        return nodes * replicas if record is not None and nodes and not rest else None
    preset, inference = workspace.preset, workspace.inference
    moved = preset is not None and preset.name != status.plan.preset
    if record is None and (moved or (inference is not None and inference.replicas is not None)):
        return None
    return status.target_node_count


def machine_of(nodes: Iterable[Mapping[str, Any]]) -> InstanceType | None:
    """Return the instance type that the labels of the first ready node tell; None where no label tells any."""
    for node in nodes:
        if is_ready(node):
            about, offers = node["metadata"], node["status"].get("allocatable") or {}
            try:
                return instance_type_of_node(about.get("labels") or {}, offers, node=about["name"])
            except ConfigError:
                continue
    return None


def differ(plan: Plan, other: Plan) -> bool:
    """Return whether two Plans serve with another runtime, or otherwise."""
    return _server(plan) != _server(other)


def _server(plan: Plan) -> tuple[str | None, str | None]:
    return plan.runtime.name if plan.runtime else None, plan.serving.digest if plan.serving else None
