"""What all objects of one Workspace are rendered from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.plugins.drivers import Runtime
from llmwright.settings.model import Settings
from llmwright.values.nodes import Placement

Manifest = dict[str, Any]
"""One Kubernetes object, as its YAML would be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderInput:
    """The Workspace and what holds for the cluster that it is in.

    ``placement`` is the provisioner's. ``revision`` counts the user's changes. ``inputs`` digests what was planned
    from. ``runtime`` may bring objects of its own.
    """

    workspace: Workspace
    settings: Settings
    placement: Placement = field(default_factory=Placement)
    revision: int = 1
    inputs: str = ""
    runtime: Runtime | None = None

    @property
    def name(self) -> str:
        """The name of the Workspace, its workload, its Service and its main container."""
        return self.workspace.name

    @property
    def namespace(self) -> str:
        """Where all objects lie."""
        return self.workspace.namespace
