"""A Workspace's status: KAITO's fields and conditions, with LLMwright's additions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

State = Literal["Pending", "Running", "Ready", "NotReady", "Succeeded", "Failed"]


class StatusModel(BaseModel):
    """Base of everything under ``status``; a field that a newer version wrote is kept."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)


class Condition(StatusModel):
    """One condition, as Kubernetes defines it; times are RFC 3339 in UTC."""

    type: str = Field(description="The condition's name.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(default="", description="Why, in a sentence.")
    last_transition_time: str = Field(description="When the status last changed.")
    observed_generation: int | None = Field(default=None, description="The generation that was looked at.")


class RefusedType(StatusModel):
    """An instance type that could not be had, or not be planned, when its turn came."""

    instance_type: str = Field(description="The machine's type.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(default="", description="Why, in a sentence.")
    at: str = Field(description="When it was given up.")


class PlanRecord(StatusModel):
    """The plan, recorded before the first act. It changes only when the user changes the Workspace or rolls it out."""

    inputs: str = Field(description="Digest of the fields that the plan depends on.")
    target: str = Field(description="Where it runs.")
    preset: str = Field(description="The model.")
    provisioner: str = Field(description="The plugin that finds or buys nodes.")
    runtime: str | None = Field(default=None, description="The plugin that serves.")
    tuner: str | None = Field(default=None, description="The plugin that tunes.")
    instance_type: str | None = Field(default=None, description="The machine's type.")
    alternatives: list[str] = Field(default=[], description="The types that come next where that one cannot be had.")
    refused: list[RefusedType] = Field(default=[], description="The types that could not be had, the latest last.")
    nodes: int = Field(default=1, description="How many nodes.")
    replicas: int | None = Field(default=None, description="How many copies of the server.")
    price_as_of: str | None = Field(default=None, description="The date of the price that was used.")
    version: str = Field(default="", description="The version of LLMwright that decided.")
    fixed: dict[str, Any] = Field(default={}, description="The fields that may not change any more, as they were.")
    options: dict[str, Any] = Field(
        default={}, description="The provisioner's options that hold, the settings' defaults included."
    )


class AttemptsStatus(StatusModel):
    """Purchases for one wish of the user, and how often in a row what was bought was lost: a hint only."""

    inputs: str = Field(default="", description="Digest of the fields that the plan depends on.")
    count: int = Field(default=0, description="How many machines.")
    asked: list[str] = Field(default=[], description="The acts of the provisioner so far.")
    asked_at: str | None = Field(default=None, description="The time of the last of them.")
    seen: bool = Field(default=False, description="Whether they bore fruit.")
    ready_at: str | None = Field(default=None, description="Since when the machines are ready.")
    losses: int = Field(default=0, description="How often in a row machines were lost.")
    reason: str = Field(default="", description="The reason of the last cause, where only somebody else can mend that.")
    cause: str = Field(default="", description="The last cause.")


class ProvisionerStatus(StatusModel):
    """The state that the provisioner remembers, and the attempts that the core does: hints only."""

    state: dict[str, Any] = Field(default={}, description="A hint of its own; losing it is harmless.")
    attempts: AttemptsStatus | None = Field(default=None, description="Purchases so far; losing it is harmless.")


class CostStatus(StatusModel):
    """The current cost; None where the price is unknown."""

    usd_per_hour: float | None = Field(
        default=None, description="For all nodes that are held; absent where a price is unknown."
    )
    note: str = Field(default="", description="Where the price comes from.")


class Progress(StatusModel):
    """The progress of the tuning."""

    step: int = Field(description="Steps done.")
    steps: int = Field(description="Steps in all.")
    loss: float | None = Field(default=None, description="The latest loss.")
    tokens_per_second: float | None = Field(default=None, description="The speed.")
    seconds_left: float | None = Field(default=None, description="The expected time until the end, in seconds.")


class Download(StatusModel):
    """The progress of a model's weights on their way to this machine."""

    bytes: int = Field(description="Bytes that are there.")
    total_bytes: int | None = Field(default=None, description="Bytes in all.")
    bytes_per_second: float | None = Field(default=None, description="The speed.")
    seconds_left: float | None = Field(default=None, description="The expected time until the end, in seconds.")


class Tuned(StatusModel):
    """The tuning that made the kept output: digests of its Launch and its inputs, and the time when it was safe.

    It outlives the job, so that the removal of a finished job never starts another tuning.
    """

    launch: str = Field(description="Digest of the Launch that tuned.")
    inputs: str = Field(description="Digest of the fields that the plan depends on.")
    finished_at: str = Field(description="The time since which the result is safe.")


class WorkspaceStatus(StatusModel):
    """All of ``status``."""

    worker_nodes: list[str] = Field(default=[], description="Names of the nodes used.")
    state: State = Field(default="Pending", description="The state in one word.")
    conditions: list[Condition] = Field(default=[], description="The conditions, each True, False or Unknown.")
    target_node_count: int | None = Field(default=None, description="How many nodes it runs on.")
    performance: dict[str, Any] | None = Field(default=None, description="Results of a benchmark.")
    observed_generation: int | None = Field(default=None, description="The generation that was looked at.")
    plan: PlanRecord | None = Field(default=None, description="The plan, recorded before the first act.")
    provisioner: ProvisionerStatus | None = Field(default=None, description="The provisioner's memory: a hint.")
    endpoint: str | None = Field(default=None, description="The address at which it answers.")
    served_names: list[str] = Field(default=[], description="The names that requests may use as model.")
    output: str | None = Field(default=None, description="The place of the result.")
    tuned: Tuned | None = Field(default=None, description="The tuning that made the output.")
    progress: Progress | None = Field(default=None, description="The progress of the tuning.")
    download: Download | None = Field(default=None, description="The weights that are being downloaded.")
    cost: CostStatus | None = Field(default=None, description="The current cost.")
    replicas: int | None = Field(default=None, description="How many copies of the server there are.")
    selector: str | None = Field(default=None, description="The labels of its pods, for autoscalers.")
    object_kinds: list[str] = Field(default=[], description="Kinds of objects that plugins brought for it.")

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type, None where it was never set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
