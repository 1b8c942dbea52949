"""Facts about a cluster from a file, for checking without that cluster: ``llmwright check --env``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from llmwright.api.document import Document
from llmwright.api.field_errors import field_problems
from llmwright.api.workspace import Workspace
from llmwright.catalogue.node_labels import instance_type_of_node
from llmwright.check.check_input import CheckInput, usable_labels
from llmwright.check.facts import CatalogueFacts, ClusterFacts, ConfigFiles, DriverFacts, NodeFacts, PolicyFacts
from llmwright.errors import InvalidWorkspace
from llmwright.values.feature_gates import FeatureGates
from llmwright.values.instance_type import InstanceType

Record = TypeVar("Record", CatalogueFacts, DriverFacts, ClusterFacts, PolicyFacts)


class _Object(BaseModel):
    """The part of a Kubernetes object that rules look at; the rest is left aside."""

    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, Any] = {}
    status: dict[str, Any] = {}
    data: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.metadata.get("namespace", "default"), self.metadata.get("name", "")


class Environment(BaseModel):
    """Facts about a cluster. A field that is left out leaves the fact as it was.

    ``config_maps`` and ``nodes`` are Kubernetes objects as ``kubectl get -o yaml`` prints them. Fields are in
    camelCase or snake_case.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    cloud_provider: str | None = None
    feature_gates: dict[str, bool] | None = None
    node_provisioner: str | None = None
    allowed_node_classes: tuple[str, ...] | None = None
    config_maps: tuple[_Object, ...] | None = None
    nodes: tuple[_Object, ...] | None = None
    csi_drivers: frozenset[str] | None = None
    release_namespace: str | None = None

    @classmethod
    def of_document(cls, document: Document) -> Environment:
        """The environment that ``document`` describes.

        Raises:
            InvalidWorkspace: an unknown or mistyped field, with its place.
        """
        try:
            return cls.model_validate(document.data)
        except ValidationError as error:
            problems = document.place(field_problems(error, cls))
            raise InvalidWorkspace(problems, source=document.source) from None

    def applied_to(self, inputs: CheckInput) -> CheckInput:
        """Return ``inputs`` with the facts of this environment in place of its own."""
        return replace(
            inputs,
            catalogue=_changed(inputs.catalogue, cloud=self.cloud_provider),
            drivers=_changed(inputs.drivers, provisioner=self.node_provisioner),
            cluster=_changed(
                inputs.cluster,
                gates=None if self.feature_gates is None else FeatureGates(self.feature_gates),
                nodes=None if self.nodes is None else tuple(map(_node, self.nodes)),
                csi_drivers=self.csi_drivers,
                config_files=self._config_files(),
                release_namespace=self.release_namespace,
            ),
            policy=_changed(inputs.policy, node_classes=self.allowed_node_classes),
        )

    def machine(self, workspace: Workspace) -> InstanceType | None:
        """Return the machine that the nodes for ``workspace`` are by their labels; None where no node matches.

        Raises:
            ConfigError: the labels tell no GPU.
        """
        labels = usable_labels(workspace.resource.label_selector).items()
        nodes = (_node(node) for node in self.nodes or ())
        node = next((node for node in nodes if labels <= node.labels.items()), None)
        return instance_type_of_node(node.labels, node.allocatable, node=f"node {node.name}") if node else None

    def _config_files(self) -> ConfigFiles | None:
        if self.config_maps is None:
            return None
        configs = {config.key: config.data for config in self.config_maps}
        return lambda namespace, name: configs.get((namespace, name))


def _changed(record: Record, **values: Any) -> Record:
    return replace(record, **{name: value for name, value in values.items() if value is not None})


def _node(node: _Object) -> NodeFacts:
    allocatable = node.status.get("allocatable")
    resources = allocatable if isinstance(allocatable, dict) else {}
    return NodeFacts(str(node.metadata.get("name", "")), node.metadata.get("labels") or {}, resources)
