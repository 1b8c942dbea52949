"""Facts about a cluster as a file tells them, for checking without that cluster: ``llmwright check --env``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from llmwright.api.document import Document
from llmwright.api.field_errors import field_problems
from llmwright.check.facts import Facts, FeatureGates, NodeFacts
from llmwright.errors import InvalidWorkspace


class _Object(BaseModel):
    """The part of a Kubernetes object that rules look at; the rest is left aside."""

    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, Any] = {}
    data: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.metadata.get("namespace", "default"), self.metadata.get("name", "")


class Environment(BaseModel):
    """What a cluster is like. A field that is left out leaves the fact as it was.

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

    def facts(self, otherwise: Facts) -> Facts:
        """``otherwise`` with what this environment says."""
        return replace(otherwise, **{name: value for name, value in self._told().items() if value is not None})

    def _told(self) -> Mapping[str, Any]:
        configs = None if self.config_maps is None else {one.key: one.data for one in self.config_maps}
        nodes = None if self.nodes is None else tuple(_node(one) for one in self.nodes)
        return {
            "cloud": self.cloud_provider,
            "gates": None if self.feature_gates is None else FeatureGates.from_names(self.feature_gates),
            "node_provisioner": self.node_provisioner,
            "node_classes": self.allowed_node_classes,
            "config_files": None if configs is None else (lambda namespace, name: configs.get((namespace, name))),
            "nodes": nodes,
            "csi_drivers": self.csi_drivers,
            "release_namespace": self.release_namespace,
        }


def _node(one: _Object) -> NodeFacts:
    return NodeFacts(str(one.metadata.get("name", "")), one.metadata.get("labels") or {})
