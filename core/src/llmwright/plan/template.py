"""The Plan of ``inference.template``: machines only, for what runs is written by the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmwright.api.instance_type_field import listed_types
from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.plan.cost import cost_of, enforce_limits, scaling_range
from llmwright.plan.digest import inputs_digest, read_names
from llmwright.plan.explanation import created_for_template
from llmwright.plan.fixed_fields import fixed_of
from llmwright.plan.node_requests import settled_request, template_nodes
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.selection import choose_provisioner
from llmwright.settings.model import Settings
from llmwright.values.copies import copies_of
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Process
from llmwright.values.plan import Choice, Plan

TEMPLATE = Launch(main=Process(name="template", argv=()))
"""Stands for the user's pod template, which only Kubernetes can run and which no Launch can tell."""


def template_plan(
    workspace: Workspace,
    *,
    catalogue: Catalogue,
    drivers: DriverSet,
    settings: Settings,
    config_files: Mapping[str, Mapping[str, str]] | None = None,
    nodes: int | None = None,
) -> Plan:
    """Which machines are asked for, by whom, and at what price.

    Args:
        workspace: admitted by ``check``, with a template.
        config_files: as in ``make_plan``; they only count as what was written.
        nodes: the number of machines where that was decided before.

    Raises:
        LimitExceeded: a company's limit forbids it.
    """
    request = template_nodes(workspace, catalogue, settings, nodes)
    written, *others = listed_types(workspace.resource.instance_type or settings.instance_type or "")
    machine = request.instance_type or InstanceType(name=written, cloud=settings.cloud if written else "node")
    limits = settings.limits_of(workspace.namespace)
    copies, each = copies_of(workspace), workspace.resource.count or 1
    enforce_limits(limits, machine, max(request.count, each * copies.highest), workspace, each)
    why = "the Workspace names it" if workspace.resource.instance_type else "the settings name it"
    provisioner = choose_provisioner(workspace, settings, "kubernetes", drivers)
    plan = Plan(
        workspace=workspace.name,
        namespace=workspace.namespace,
        inputs=inputs_digest(workspace, config_files or {}, read_names(drivers)),
        target="kubernetes",
        preset="",
        provisioner=provisioner,
        instance_type=Choice(name=written, why=why) if written else None,
        alternatives=tuple(others),
        nodes=settled_request(request, provisioner.name, drivers),
        serving=TEMPLATE,
        cost=cost_of(machine, request.count),
        scaling=scaling_range(workspace, machine, (each * copies.lowest, each * copies.highest)),
        fixed=fixed_of(workspace, provisioner.name, drivers),
    )
    chosen = drivers.find_provisioner(provisioner.name)
    return replace(plan, creates=created_for_template(plan, brought=chosen is not None and chosen.nodes_are_brought))
