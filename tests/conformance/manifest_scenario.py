"""Objects that we render for a scenario, by the same functions as the operator and the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from tests.conformance.manifest_provisioner import claim_of, driver_of, name_of, placement_of, plugins_of

from llmwright.api.document import Document, parse_workspace
from llmwright.api.versions import with_defaults
from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.node_labels import instance_type_of_labels
from llmwright.plan.make import make_plan
from llmwright.plan.node_requests import template_nodes
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings, Sources
from llmwright.targets.kubernetes.manifests import Manifest, RenderInput, all_objects, template_objects
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Plan

DISK_CLASS = "kaito-local-nvme-disk"


class Cluster:
    """Renders scenarios with the installed plugins."""

    @cached_property
    def _registry(self) -> Registry:
        return Registry()

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.of_plugins(self._registry.hooks())

    def objects(self, scenario: Mapping[str, Any]) -> dict[str, Manifest]:
        """Return ``service``, ``headless_service``, ``workload`` and ``nodeclaim``, by KAITO's recorded names.

        Raises:
            LLMwrightError: the Workspace cannot be rendered.
        """
        workspace = with_defaults(parse_workspace(Document(scenario["workspace"])))
        settings = _settings(scenario)
        driver = driver_of(self._registry, scenario["provisioner"], settings)
        inference = workspace.inference
        if inference is not None and inference.template is not None:
            nodes = template_nodes(workspace, self.catalogue, settings, scenario["target_node_count"])
            objects = template_objects(_render_input(workspace, settings, driver, nodes), nodes.count)
        else:
            plan = self._plan(workspace, settings, scenario)
            nodes = plan.nodes
            given = replace(_render_input(workspace, settings, driver, nodes), fits=plan.fits)
            objects = all_objects(self._registry.hooks(), given, plan)
        return _named(objects, claim_of(driver, nodes))

    def plan(self, scenario: Mapping[str, Any]) -> Plan:
        """Return the plan of a scenario. Raises LLMwrightError: the Workspace cannot be planned."""
        workspace = with_defaults(parse_workspace(Document(scenario["workspace"])))
        return self._plan(workspace, _settings(scenario), scenario)

    def _plan(self, workspace: Workspace, settings: Settings, scenario: Mapping[str, Any]) -> Plan:
        return make_plan(
            workspace,
            catalogue=self.catalogue,
            drivers=DriverSet.of_registry(self._registry, settings),
            settings=settings,
            target="kubernetes",
            machine=None if self._is_known(workspace, settings) else _machine(scenario.get("nodes") or ()),
            nodes=scenario["target_node_count"],
        )

    def _is_known(self, workspace: Workspace, settings: Settings) -> bool:
        """Whether the table has the instance type: labels of nodes are asked where it does not (KAITO v0.12)."""
        return self.catalogue.find_instance_type(workspace.resource.instance_type, settings.cloud) is not None


def _render_input(
    workspace: Workspace, settings: Settings, driver: Provisioner | None, nodes: NodeRequest
) -> RenderInput:
    return RenderInput(
        workspace=workspace,
        settings=settings,
        placement=placement_of(driver, nodes),
    )


def _settings(scenario: Mapping[str, Any]) -> Settings:
    """Return settings that act like KAITO: the node is released after tuning, and there is no preflight."""
    return Settings(
        cloud=scenario["cloud"],
        provisioner=name_of(scenario["provisioner"]),
        plugins=plugins_of(scenario["provisioner"]),
        on_success="release",
        preflight=False,
        # KAITO lets every model's code run.
        sources=Sources(remote_code=("*",)),
        disk_class=DISK_CLASS if scenario["nvme_storage_class_exists"] else None,
        feature_gates=dict(scenario.get("feature_gates") or {}),
    )


def _machine(nodes: Any) -> InstanceType | None:
    """Return the machine that the labels of the first ready node describe."""
    for node in nodes:
        conditions = {
            condition["type"]: condition["status"] for condition in node.get("status", {}).get("conditions", ())
        }
        if conditions.get("Ready") == "True":
            return instance_type_of_labels(node["metadata"].get("labels", {}), node=node["metadata"]["name"])
    return None


def _named(objects: tuple[Manifest, ...], claim: Mapping[str, Any] | None) -> dict[str, Manifest]:
    named: dict[str, Manifest] = {"nodeclaim": _bare(claim)} if claim else {}
    for manifest in objects:
        headless = manifest["kind"] == "Service" and manifest["metadata"]["name"].endswith("-headless")
        kind = "headless_service" if headless else "service" if manifest["kind"] == "Service" else "workload"
        named[kind] = _bare(manifest)
    return named


def _bare(manifest: Mapping[str, Any]) -> Manifest:
    """Return an object without apiVersion and kind, which KAITO's recorded objects lack."""
    return {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
