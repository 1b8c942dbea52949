"""A Workspace's status: KAITO's fields and conditions, with Modelwright's additions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

State = Literal["Pending", "Running", "Ready", "NotReady", "Succeeded", "Failed"]


class StatusModel(BaseModel):
    """Base of everything under ``status``; a field that a newer version wrote is kept."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)


class Condition(StatusModel):
    """One condition, as Kubernetes defines it; times are RFC 3339 in UTC."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: str
    observed_generation: int | None = None


class PlanRecord(StatusModel):
    """What was decided before the first act; it does not move until the user changes the Workspace or rolls it out."""

    inputs: str
    target: str
    preset: str
    provisioner: str
    runtime: str | None = None
    tuner: str | None = None
    instance_type: str | None = None
    nodes: int = 1
    price_as_of: str | None = None
    version: str = ""


class ProvisionerStatus(StatusModel):
    """What the provisioner remembers: a hint only."""

    state: dict[str, Any] = {}


class Cost(StatusModel):
    """What is being spent; None where the price is unknown."""

    usd_per_hour: float | None = None
    note: str = ""


class Progress(StatusModel):
    """How far tuning is."""

    step: int
    steps: int
    loss: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None


class Tuned(StatusModel):
    """Which tuning the kept output is of: digests of its Launch and of what the user wrote, and since when it is safe.

    It outlives the job that made it, so that a finished job's removal never tunes again.
    """

    launch: str
    inputs: str
    finished_at: str


class WorkspaceStatus(StatusModel):
    """All of ``status``."""

    worker_nodes: list[str] = []
    state: State = "Pending"
    conditions: list[Condition] = []
    target_node_count: int | None = None
    performance: dict[str, Any] | None = None
    observed_generation: int | None = None
    plan: PlanRecord | None = None
    provisioner: ProvisionerStatus | None = None
    endpoint: str | None = None
    served_names: list[str] = []
    output: str | None = None
    tuned: Tuned | None = None
    progress: Progress | None = None
    cost: Cost | None = None

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, None where it was never set."""
        return next((found for found in self.conditions if found.type == kind), None)
