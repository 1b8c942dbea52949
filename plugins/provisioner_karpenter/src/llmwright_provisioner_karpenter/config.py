"""Options: ``provisionerConfig`` of a Workspace, and ``plugins.provisioner.karpenter`` of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from llmwright.values.nodes import NodeRequest

Mode = Literal["nodeclaim", "nodepool"]
CapacityType = Literal["on-demand", "spot", "reserved", "any"]
NODE_CLASS = "kaito.sh/node-class-name"
"""KAITO's annotation: the name of the node class, where the options name none."""

Text = Annotated[str, Field(min_length=1)]
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
ObjectName = Annotated[str, Field(max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
KindName = Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$")]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class NodeClass(_Model):
    """A reference to the cloud's own node class, for NodeClaims and NodePools."""

    group: ObjectName
    kind: KindName
    name: ObjectName = "default"


class KarpenterOptions(_Model):
    """``resource.provisionerConfig``; the settings fill in the rest."""

    mode: Mode | None = Field(default=None, description="nodeclaim: NodeClaims; nodepool: a NodePool with replicas.")
    capacity_type: CapacityType | None = Field(default=None, description="any: Karpenter chooses, spot if it may.")
    node_class_ref: NodeClass | None = Field(default=None, description="The node class; the cloud's default if unset.")


class KarpenterSettings(_Model):
    """``plugins.provisioner.karpenter``. ``cloud`` is used where the instance type does not name its cloud."""

    mode: Mode = Field(default="nodeclaim", description="nodeclaim: NodeClaims; nodepool: a NodePool with replicas.")
    capacity_type: CapacityType = Field(default="on-demand", description="any: Karpenter chooses, spot if it may.")
    node_class_ref: NodeClass | None = Field(default=None, description="The node class; the cloud's default if unset.")
    cloud: str = Field(default="azure", description="The cloud, where the instance type does not name one.")
    node_image_family: Text = Field(default="ubuntu", description="The family of the node images.")


GPU_PROVISIONER = NodeClass(group="kaito.sh", kind="KaitoNodeClass")
"""The node class of KAITO's own gpu-provisioner."""

DEFAULTS: Mapping[tuple[str, Mode], NodeClass] = {
    ("azure", "nodeclaim"): GPU_PROVISIONER,
    ("azure", "nodepool"): NodeClass(group="karpenter.azure.com", kind="AKSNodeClass"),
    ("aws", "nodeclaim"): NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass"),
    ("aws", "nodepool"): NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass"),
}


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """The options for the nodes of one Workspace. ``node_class`` is None for a cloud without a default."""

    mode: Mode
    cloud: str
    capacity_type: CapacityType
    node_class: NodeClass | None
    node_image_family: str

    @property
    def gpu_provisioner(self) -> bool:
        """Whether KAITO's gpu-provisioner acts on the NodeClaims."""
        return self.node_class is not None and self.node_class.kind == GPU_PROVISIONER.kind


def node_options(request: NodeRequest, options: KarpenterOptions, settings: KarpenterSettings) -> NodeOptions:
    """Return the Workspace's options over its annotation and the settings. A mode stays while nodes are held."""
    remembered = request.state.get("mode")
    kept: Mode | None = remembered if remembered in ("nodeclaim", "nodepool") else None
    mode = options.mode or kept or settings.mode
    cloud = request.instance_type.cloud if request.instance_type else ""
    if (cloud, mode) not in DEFAULTS:
        cloud = settings.cloud
    node_class = options.node_class_ref or settings.node_class_ref or DEFAULTS.get((cloud, mode))
    named = request.annotations.get(NODE_CLASS)
    if named and options.node_class_ref is None and node_class is not None and node_class.kind != GPU_PROVISIONER.kind:
        node_class = node_class.model_copy(update={"name": named})
    return NodeOptions(
        mode=mode,
        cloud=cloud,
        capacity_type=options.capacity_type or settings.capacity_type,
        node_class=node_class,
        node_image_family=settings.node_image_family,
    )
