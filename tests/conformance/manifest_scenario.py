"""What we render for a scenario, through the same functions as the operator and the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from modelwright.api.document import Document, parse_workspace
from modelwright.api.versions import with_defaults
from modelwright.api.workspace import Workspace
from modelwright.catalogue.catalogue import Catalogue
from modelwright.catalogue.node_labels import instance_type_of_labels
from modelwright.plan.facts import Drivers
from modelwright.plan.make import make_plan
from modelwright.plugins.registry import Registry
from modelwright.settings.model import Settings
from modelwright.targets.kubernetes.manifests import Manifest, Rendering, render, template_objects
from modelwright.values.instance_type import InstanceType
from modelwright.values.nodes import Placement

DISK_CLASS = "kaito-local-nvme-disk"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Cluster:
    """Renders scenarios with the installed plugins."""

    @cached_property
    def _registry(self) -> Registry:
        return Registry()

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.of_plugins(self._registry.hooks())

    def objects(self, given: Mapping[str, Any]) -> dict[str, Manifest]:
        """``service``, ``headless_service``, ``workload`` and ``nodeclaim``, as the goldens call them.

        Raises:
            ModelwrightError: the Workspace cannot be rendered.
        """
        workspace = with_defaults(parse_workspace(Document(given["workspace"])))
        settings = _settings(given)
        rendering = Rendering(
            workspace=workspace,
            settings=settings,
            placement=_placement(workspace, given["provisioner"]),
            disk_class=DISK_CLASS if given["nvme_storage_class_exists"] else None,
        )
        if workspace.inference is not None and workspace.inference.template is not None:
            return _named(template_objects(rendering, given["target_node_count"]))
        plan = make_plan(
            workspace,
            catalogue=self._catalogue,
            drivers=Drivers.of_registry(self._registry, settings),
            settings=settings,
            target="kubernetes",
            machine=_machine(given.get("nodes") or ()),
            nodes=given["target_node_count"],
        )
        return _named(render(rendering, plan))


def _settings(given: Mapping[str, Any]) -> Settings:
    """Upstream's own ways: the node goes back after tuning, and nothing is checked beforehand."""
    return Settings(
        cloud=given["cloud"],
        provisioner="byo" if given["provisioner"] == "byo" else "karpenter",
        on_success="release",
        preflight=False,
        feature_gates=dict(given.get("feature_gates") or {}),
    )


def _placement(workspace: Workspace, provisioner: str) -> Placement:
    name, namespace = workspace.name, workspace.namespace
    keys = {
        "gpu": ("kaito.sh/workspace", "kaito.sh/workspacenamespace"),
        "karpenter": ("karpenter.kaito.sh/workspace-name", "karpenter.kaito.sh/workspace-namespace"),
    }
    selector = workspace.resource.label_selector
    labels = dict(selector.match_labels) if selector else {}
    own = dict(zip(keys.get(provisioner, ()), (name, namespace), strict=False))
    return Placement(selector={**labels, **own})


def _machine(nodes: Any) -> InstanceType | None:
    """What the labels of the first ready node say."""
    for node in nodes:
        conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", ())}
        if conditions.get("Ready") == "True":
            return instance_type_of_labels(node["metadata"].get("labels", {}), node=node["metadata"]["name"])
    return None


def _named(objects: tuple[Manifest, ...]) -> dict[str, Manifest]:
    named: dict[str, Manifest] = {}
    for found in objects:
        headless = found["kind"] == "Service" and found["metadata"]["name"].endswith("-headless")
        kind = "headless_service" if headless else "service" if found["kind"] == "Service" else "workload"
        named[kind] = {key: value for key, value in found.items() if key not in ("apiVersion", "kind")}
    return named
