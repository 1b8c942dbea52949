"""What a target found: the whole world of one Workspace as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from llmwright.api.status import Progress
from llmwright.values.nodes import Outcome, ProvisionerDecision

Role = Literal["preflight", "tuning", "serving"]
WorkloadPhase = Literal["absent", "pending", "running", "ready", "succeeded", "failed"]

ROLES: tuple[Role, ...] = ("preflight", "tuning", "serving")
ACTIVE: frozenset[WorkloadPhase] = frozenset({"pending", "running", "ready"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something is not as wanted: a condition's reason and message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One role's workload as found.

    ``digest`` is that of the Launch it was started with, ``inputs`` the plan's that it was last accepted for.
    ``reason`` and ``message`` name the root cause where it is not well, or cannot be started. ``since`` is when the
    phase began, ``stage`` the process under way. ``failed`` means that the target gave up, or that it keeps crashing.
    """

    phase: WorkloadPhase = "absent"
    digest: str = ""
    inputs: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    restarts: int = 0
    endpoint: str | None = None
    progress: Progress | None = None
    stage: str = ""

    @property
    def active(self) -> bool:
        """Whether it holds a machine: stopping it would change something."""
        return self.phase in ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything a decision may look at.

    ``provision`` is what the provisioner would do for ``plan.nodes`` and ``release`` what it would do for 0 nodes;
    both are pure answers to one observation, and the lifecycle chooses. ``provisioner_trouble`` replaces them where
    the driver cannot be loaded or its last act was refused. ``attempts`` and ``failed_at`` count transient failures
    in a row. ``claims`` is set by provisioners that go through NodeClaims. ``output`` says where the result is kept.
    ``plan_waits`` tells that ``plan_trouble`` passes by itself: something has to be there first to judge by.
    ``keeps_finished`` tells that this target never loses a finished preflight, so that one that is absent has to run.
    ``newer_plan`` tells that a plan made today from the same inputs differs from the recorded one.
    """

    deleting: bool = False
    provision: ProvisionerDecision | None = None
    release: ProvisionerDecision | None = None
    provisioner_trouble: Trouble | None = None
    claims: Outcome | None = None
    attempts: int = 0
    failed_at: datetime | None = None
    preflight: Workload = field(default_factory=Workload)
    tuning: Workload = field(default_factory=Workload)
    serving: Workload = field(default_factory=Workload)
    output: str | None = None
    plan_trouble: Trouble | None = None
    plan_waits: bool = False
    keeps_finished: bool = False
    newer_plan: bool = False

    def workloads(self) -> Iterator[tuple[Role, Workload]]:
        """The three roles and what was found of each."""
        yield "preflight", self.preflight
        yield "tuning", self.tuning
        yield "serving", self.serving
