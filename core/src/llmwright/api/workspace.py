"""The Workspace: ``kaito.sh/v1beta1`` and ``v1alpha1``, fields at the top level; ``spec`` has ``replicas`` alone.

Field names in Python are the YAML's in snake_case. Beyond KAITO's fields there are only ``resource.provisioner``,
``resource.provisionerConfig``, ``inference.runtime``, ``inference.runtimeConfig``, ``inference.replicas``,
``inference.autoscaling``, ``tuning.methodConfig``, ``tuning.onSuccess``, ``tuning.ttlSecondsAfterFinished`` and
``spec.replicas``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from llmwright.api.status import WorkspaceStatus

OpenObject = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""An object with a schema of its own, from Kubernetes or a driver; it is kept as it is."""

MOST_NODES = 5000
"""The most nodes, and the most replicas, of one Workspace: as many as the largest cluster of Kubernetes
(https://kubernetes.io/docs/setup/best-practices/cluster-large/). A number with a digit too many buys nothing."""

METRIC = r'^[^\s"\\/%^]*$'
"""A metric's name as it can stand in a path of the API server and in a query of Prometheus."""

LONGEST_TTL_S = 2**31 - 1
"""The longest time to live in seconds, as of a Job (``ttlSecondsAfterFinished`` is an int32 there)."""

OPEN_FIELDS = frozenset(("volumeSource", "template", "provisionerConfig", "runtimeConfig", "methodConfig"))
"""The YAML names of fields that hold an ``OpenObject``."""


class ApiModel(BaseModel):
    """Base of everything under a Workspace: camelCase in YAML, unknown fields refused, frozen.

    Strict: text is refused for a number, and a number for text, as the API server does.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, strict=True)


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metadata that is read; the rest is kept as it is."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    namespace: str | None = None
    generation: int | None = None
    uid: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class LabelSelectorRequirement(ApiModel):
    """One expression of a label selector."""

    key: str = Field(description="The label's name.")
    operator: str = Field(description="In, with one value; others cannot be used.")
    values: list[str] = Field(default=[], description="The label's value.")


class LabelSelector(ApiModel):
    """Nodes to use, by their labels."""

    match_labels: dict[str, str] = Field(default={}, description="Labels that a node must have.")
    match_expressions: list[LabelSelectorRequirement] = Field(default=[], description="The same as expressions.")


class Partition(ApiModel):
    """A share of a node's GPUs: whole ones (``accelerator``) or a MIG slice (v1beta1)."""

    mode: Literal["mig", "accelerator"] = Field(description="mig: one MIG slice; accelerator: whole GPUs of a node.")
    profile: str = Field(default="", description="The MIG profile, such as 1g.10gb; for mode mig only.")
    count: int | None = Field(default=None, ge=1, description="How many GPUs; for mode accelerator only.")


class Resource(ApiModel):
    """The machines."""

    count: int | None = Field(
        default=None, le=MOST_NODES, description="How many nodes; fixed once the Workspace is there."
    )
    instance_type: str = Field(
        default="",
        description="The machine's type at its cloud; or several, separated by commas, of which the first that can be "
        "had is taken; or auto: the type on which a token costs least.",
    )
    label_selector: LabelSelector | None = Field(default=None, description="Labels of the nodes to use.")
    preferred_nodes: list[str] = Field(default=[], description="Deprecated: nodes to use first.")
    partition: Partition | None = Field(
        default=None, description="A share of a node's GPUs, so that several Workspaces share a node."
    )
    provisioner: str | None = Field(
        default=None, description="The plugin that finds or buys the nodes; the operator's default where left out."
    )
    provisioner_config: OpenObject = Field(default={}, description="Options of the provisioner.")


class PresetOptions(ApiModel):
    """Access to a preset's weights or image."""

    image: str = Field(default="", description="Deprecated: an image that holds the weights.")
    image_pull_secrets: list[str] = Field(default=[], description="Deprecated: Secrets to pull that image with.")
    model_access_secret: str = Field(
        default="", description="The Secret whose key HF_TOKEN gives access to a gated model."
    )


class PresetSpec(ApiModel):
    """The preset, by name."""

    name: str = Field(description="A preset's name, or ORG/MODEL of the Hugging Face hub.")
    access_mode: Literal["public", "private"] = Field(
        default="public", description="Deprecated: whether the weights come as a private image."
    )
    preset_options: PresetOptions = Field(default=PresetOptions(), description="How to get at the weights.")

    @property
    def own_image(self) -> str:
        """The user's image that holds the weights; empty where they come from where the preset says."""
        return self.preset_options.image if self.access_mode == "private" else ""


class DataSource(ApiModel):
    """Where data or an adapter comes from: URLs, an image or a volume."""

    name: str = Field(default="", description="The data set's or adapter's name; an adapter is asked for by it.")
    urls: list[str] = Field(default=[], description="Public http(s) URLs of data files.")
    volume_source: OpenObject | None = Field(default=None, description="A Kubernetes volume that holds the data.")
    image: str = Field(default="", description="An image that holds the data in its directory /data.")
    image_pull_secrets: list[str] = Field(default=[], description="Secrets to pull that image with.")


class DataDestination(ApiModel):
    """Where the result goes: an image or a volume."""

    volume_source: OpenObject | None = Field(default=None, description="A Kubernetes volume to write to.")
    image: str = Field(default="", description="The image to push the adapter as.")
    image_push_secret: str = Field(default="", description="The Secret with the right to push it.")


class AdapterSpec(ApiModel):
    """An adapter to serve beside the base model."""

    source: DataSource | None = Field(default=None, description="Where the adapter comes from: an image or a volume.")
    strength: str | None = Field(default=None, description="A number from 0 to 1 in quotes; for runtimes that mix.")


class Autoscaling(ApiModel):
    """The range in which the number of copies follows the load, and who moves it."""

    min_replicas: int = Field(
        default=1, ge=0, le=MOST_NODES, description="The fewest copies; 0 with KEDA, or a runtime that scales itself."
    )
    max_replicas: int = Field(ge=1, le=MOST_NODES, description="The most copies; limits are judged by them.")
    target: float | None = Field(
        default=None,
        ge=0.001,
        description="What each copy is to have on average: requests that run or wait; or of metric. 10 where left out.",
    )
    metric: str = Field(
        default="",
        max_length=253,
        pattern=METRIC,
        description="Another metric of the pods than the requests, by its name in Prometheus; or cpu, in cores.",
    )
    by: Literal["hpa", "keda"] | None = Field(
        default=None,
        description="hpa, also where left out: a HorizontalPodAutoscaler; keda: a ScaledObject, which needs KEDA.",
    )
    activation_query: str = Field(
        default="",
        max_length=4096,
        description="With keda and minReplicas 0: the query of Prometheus that is above 0 while somebody asks.",
    )


class Inference(ApiModel):
    """Serve the preset (or the template)."""

    preset: PresetSpec | None = Field(default=None, description="The model to serve; fixed.")
    template: OpenObject | None = Field(default=None, description="A pod template of your own instead of a preset.")
    config: str = Field(default="", description="The ConfigMap whose inference_config.yaml holds the engine's flags.")
    adapters: list[AdapterSpec] = Field(default=[], description="At most ten adapters to serve beside the model.")
    runtime: str | None = Field(default=None, description="The plugin that serves: hf, vllm, ray or one of your own.")
    runtime_config: OpenObject = Field(default={}, description="Options of the runtime.")
    replicas: int | None = Field(default=None, ge=0, le=MOST_NODES, description="How many copies of the server.")
    autoscaling: Autoscaling | None = Field(
        default=None, description="Let the number of copies follow the load; replicas is then where it begins."
    )


class Tuning(ApiModel):
    """Tune the preset on data and deliver the result."""

    preset: PresetSpec | None = Field(default=None, description="The model to tune; fixed.")
    method: str = Field(default="", description="The plugin that tunes: lora, qlora or one of your own; fixed.")
    config: str = Field(default="", description="The ConfigMap whose training_config.yaml holds the settings.")
    input: DataSource | None = Field(default=None, description="The data set to learn from.")
    output: DataDestination | None = Field(default=None, description="Where the adapter goes.")
    method_config: OpenObject = Field(default={}, description="Options of the tuning method; fixed.")
    on_success: Literal["serve", "release"] | None = Field(
        default=None, description="serve: answer with the new adapter on the node that is held; release: give it back."
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        le=LONGEST_TTL_S,
        description="How long after tuning the result is served and the node held.",
    )


class WorkspaceSpec(ApiModel):
    """The one field that Kubernetes wants below ``spec``: what ``kubectl scale`` and autoscalers set."""

    replicas: int | None = Field(
        default=None, ge=0, le=MOST_NODES, description="How many copies of the server; set by the subresource scale."
    )


class Workspace(ApiModel):
    """One model to serve or to tune."""

    api_version: Literal["kaito.sh/v1beta1", "kaito.sh/v1alpha1"]
    kind: Literal["Workspace"]
    metadata: ObjectMeta = ObjectMeta()
    resource: Resource = Field(default=Resource(), description="The machines to run on.")
    inference: Inference | None = Field(default=None, description="Serve a model; or tuning.")
    tuning: Tuning | None = Field(default=None, description="Tune a model on data; or inference.")
    spec: WorkspaceSpec | None = Field(default=None, description="For the subresource scale.")
    status: WorkspaceStatus | None = Field(default=None, description="The observed state; written by the operator.")

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
        """The preset of ``tuning`` or ``inference``; None where neither names a preset."""
        part = self.tuning or self.inference
        return part.preset if part else None

    @property
    def template(self) -> OpenObject | None:
        """The user's own pod template, None where a preset is served or tuned."""
        return self.inference.template if self.inference else None
