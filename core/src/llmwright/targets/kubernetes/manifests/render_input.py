"""The record that all objects of one Workspace are rendered from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmwright.api.workspace import Workspace
from llmwright.settings.model import Settings
from llmwright.sizing.pod_resources import PodResources, pod_resources
from llmwright.values.fit import Fit
from llmwright.values.nodes import Placement

if TYPE_CHECKING:
    from llmwright.plugins.drivers import Runtime

USER = 65532
"""The number of the user and of the group that a pod runs as, unless the runtime's image needs another."""

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
        fits: the plan's fit of each role, from which its pods' processors and memory follow; none is known without.
    """

    workspace: Workspace
    settings: Settings
    placement: Placement = field(default_factory=Placement)
    revision: int = 1
    inputs: str = ""
    runtime: Runtime | None = None
    fits: tuple[tuple[str, Fit], ...] = ()

    def resources(self, role: str) -> PodResources | None:
        """Return what the main container of ``role`` needs of its machine; None where there is no fit."""
        fit = dict(self.fits).get(role)
        return pod_resources(fit) if fit is not None else None

    @property
    def name(self) -> str:
        """The name of the Workspace, and also of its workload, its Service and its main container."""
        return self.workspace.name

    @property
    def namespace(self) -> str:
        """The namespace of all objects."""
        return self.workspace.namespace

    @property
    def user(self) -> int:
        """The number of the user that pods run as."""
        return self._image_user[0]

    @property
    def group(self) -> int:
        """The number of the group that pods run as, and that owns the files of their volumes."""
        return self._image_user[1]

    @property
    def _image_user(self) -> tuple[int, int]:
        needed = self.runtime.image_user if self.runtime is not None else None
        return needed or (USER, USER)
