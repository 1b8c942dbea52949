"""The Workspace: ``kaito.sh/v1beta1`` and ``v1alpha1``, fields at the top level, no ``spec``.

Field names in Python are the YAML's in snake_case. Beyond KAITO's fields there are only ``resource.provisioner``,
``resource.provisionerConfig``, ``inference.runtime``, ``inference.runtimeConfig``, ``inference.replicas``,
``tuning.methodConfig``, ``tuning.onSuccess`` and ``tuning.ttlSecondsAfterFinished``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from modelwright.api.status import WorkspaceStatus

OpenObject = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""An object that somebody else's schema describes; it is kept as it stands."""

OPEN_FIELDS = frozenset(("volumeSource", "template", "provisionerConfig", "runtimeConfig", "methodConfig"))
"""The YAML names of fields that hold an ``OpenObject``."""


class ApiModel(BaseModel):
    """Base of everything under a Workspace: camelCase in YAML, unknown fields refused, frozen.

    Strict: a number is not taken for text nor text for a number, as the API server would not either.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, strict=True)


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metadata that is read; the rest is kept as it stands."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    namespace: str | None = None
    generation: int | None = None
    uid: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str | None = None


class LabelSelectorRequirement(ApiModel):
    """One expression of a label selector."""

    key: str
    operator: str
    values: list[str] = []


class LabelSelector(ApiModel):
    """Nodes to use, by their labels."""

    match_labels: dict[str, str] = {}
    match_expressions: list[LabelSelectorRequirement] = []


class Partition(ApiModel):
    """A share of a node's GPUs: whole ones (``accelerator``) or a MIG slice (v1beta1)."""

    mode: Literal["mig", "accelerator"]
    profile: str = ""
    count: int | None = Field(default=None, ge=1)


class Resource(ApiModel):
    """The machines."""

    count: int | None = None
    instance_type: str = ""
    label_selector: LabelSelector | None = None
    preferred_nodes: list[str] = []
    partition: Partition | None = None
    provisioner: str | None = None
    provisioner_config: OpenObject = {}


class PresetOptions(ApiModel):
    """How to get at a preset's weights or image."""

    image: str = ""
    image_pull_secrets: list[str] = []
    model_access_secret: str = ""


class PresetSpec(ApiModel):
    """The preset, by name."""

    name: str
    access_mode: Literal["public", "private"] = "public"
    preset_options: PresetOptions = PresetOptions()


class DataSource(ApiModel):
    """Where data or an adapter comes from: URLs, an image or a volume."""

    name: str = ""
    urls: list[str] = []
    volume_source: OpenObject | None = None
    image: str = ""
    image_pull_secrets: list[str] = []


class DataDestination(ApiModel):
    """Where the result goes: an image or a volume."""

    volume_source: OpenObject | None = None
    image: str = ""
    image_push_secret: str = ""


class AdapterSpec(ApiModel):
    """An adapter to serve beside the base model."""

    source: DataSource | None = None
    strength: str | None = None


class Inference(ApiModel):
    """Serve the preset (or the template)."""

    preset: PresetSpec | None = None
    template: OpenObject | None = None
    config: str = ""
    adapters: list[AdapterSpec] = []
    runtime: str | None = None
    runtime_config: OpenObject = {}
    replicas: int | None = Field(default=None, ge=0)


class Tuning(ApiModel):
    """Tune the preset on data and deliver the result."""

    preset: PresetSpec | None = None
    method: str = ""
    config: str = ""
    input: DataSource | None = None
    output: DataDestination | None = None
    method_config: OpenObject = {}
    on_success: Literal["serve", "release"] | None = None
    ttl_seconds_after_finished: int | None = Field(default=None, ge=0)


class Workspace(ApiModel):
    """One model to serve or to tune."""

    api_version: Literal["kaito.sh/v1beta1", "kaito.sh/v1alpha1"]
    kind: Literal["Workspace"]
    metadata: ObjectMeta = ObjectMeta()
    resource: Resource = Resource()
    inference: Inference | None = None
    tuning: Tuning | None = None
    status: WorkspaceStatus | None = None

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """``metadata.namespace``, ``default`` where none is written."""
        return self.metadata.namespace or "default"

    @property
    def preset(self) -> PresetSpec | None:
        """The preset of whichever of tuning and inference is there."""
        part = self.tuning or self.inference
        return part.preset if part else None
