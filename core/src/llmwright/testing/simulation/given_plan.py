"""A Plan made of a request for nodes, so that a provisioner is tried without presets, prices and runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.errors import PluginNotFound
from llmwright.plan.fixed_fields import CarriedOut
from llmwright.plugins.drivers import Provisioner, Runtime
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Cost, Plan, Target

UNNAMED = "provisioner-of-the-contract"


def name_driver(driver: Provisioner) -> str:
    """Return the name of the driver, which gets one where a test made it without: the core makes none without."""
    if not driver.context.name:
        driver.context = replace(driver.context, name=UNNAMED)
    return driver.context.name


def workspace_of(driver: Provisioner, request: NodeRequest, count: int) -> dict[str, Any]:
    """Return a Workspace that asks for ``count`` machines as ``request`` does."""
    resource: dict[str, Any] = {
        "provisioner": name_driver(driver),
        "provisionerConfig": dict(request.config),
        "labelSelector": {"matchLabels": dict(request.selector)},
    }
    if request.instance_type_name:
        resource["instanceType"] = request.instance_type_name
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": request.workspace, "namespace": request.namespace},
        "resource": {**resource, "count": 1},
        "inference": {"preset": {"name": "tiny"}, "replicas": count},
    }


def plan_of(driver: Provisioner, request: NodeRequest, count: int, target: Target) -> Plan:
    """Return a Plan that serves on ``count`` machines of ``request``."""
    return Plan(
        workspace=request.workspace,
        namespace=request.namespace,
        inputs="",
        target=target,
        preset="tiny",
        provisioner=Choice(name=name_driver(driver), why="the contract asks for it"),
        nodes=driver.settled(replace(request, count=count)),
        serving=Launch(main=Process(name="serve", argv=("serve",)), ports={"http": 5000}),
        cost=Cost(usd_per_hour=None),
    )


class GivenPlan:
    """Stands for the operator's planner."""

    def __init__(self, driver: Provisioner, request: NodeRequest) -> None:
        self._driver, self._request = driver, request

    def admit(self, workspace: Workspace, files: Mapping[str, Any]) -> None:
        """Admit it."""

    def admit_plan(self, workspace: Workspace, plan: Plan) -> None:
        """Admit it."""

    def plan(self, workspace: Workspace, files: Mapping[str, Any], nodes: int | None, machine: Any) -> Plan:
        """Return the Plan for as many machines as the Workspace has replicas."""
        count = workspace.inference.replicas if workspace.inference is not None else None
        return plan_of(self._driver, self._request, 1 if count is None else count, "kubernetes")

    def carried_out(self, workspace: Workspace, record: Any) -> CarriedOut:
        """Carry out all that is asked for."""
        return CarriedOut(workspace)

    def as_recorded(self, plan: Plan, workspace: Workspace, record: Any) -> tuple[Plan, tuple[()]]:
        """Return ``plan`` with the options on record."""
        return replace(plan, nodes=replace(plan.nodes, config={**plan.nodes.config, **record.options})), ()

    @property
    def read_names(self) -> frozenset[str]:
        """No label bears on what runs."""
        return frozenset()

    def nodes_are_brought(self, workspace: Workspace) -> bool:
        """Whether the user brings the nodes."""
        return self._driver.nodes_are_brought

    def asks_others(self, workspace: Workspace) -> bool:
        """Whether planning asks a model hub."""
        return False

    def runtime(self, name: str) -> Runtime:
        """Refuse: the Plan names no runtime.

        Raises:
            PluginNotFound: always.
        """
        raise PluginNotFound(f"no runtime {name!r}")

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        """Return no price."""
        return None
