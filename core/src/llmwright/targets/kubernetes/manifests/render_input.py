"""The record that all objects of one Workspace are rendered from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmwright.api.workspace import Workspace
from llmwright.settings.model import Settings
from llmwright.values.nodes import Placement

if TYPE_CHECKING:
    from llmwright.plugins.drivers import Runtime

Manifest = dict[str, Any]
"""A Kubernetes object as plain data, as its YAML reads."""

Manifests = tuple[Manifest, ...]
"""Objects in the order in which they are applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderInput:
    """A Workspace, and the facts about its cluster that its objects need.

    Attributes:
        placement: the provisioner's labels and taints, for pods to find its nodes.
        revision: how often the user has changed the Workspace.
        inputs: digest of all that the Plan was made from; empty before there is a Plan.
        runtime: the driver, which may add objects of its own.
    """

    workspace: Workspace
    settings: Settings
    placement: Placement = field(default_factory=Placement)
    revision: int = 1
    inputs: str = ""
    runtime: Runtime | None = None

    @property
    def name(self) -> str:
        """The name of the Workspace, and also of its workload, its Service and its main container."""
        return self.workspace.name

    @property
    def namespace(self) -> str:
        """The namespace of all objects."""
        return self.workspace.namespace
