"""The observed state of one Workspace, as values: nodes and the workload of each role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from llmwright.api.status import Download, Progress
from llmwright.errors import LLMwrightError
from llmwright.plan.fixed_fields import UnappliedChange
from llmwright.values.nodes import Outcome, ProvisionerDecision

Role = Literal["preflight", "tuning", "serving"]
WorkloadPhase = Literal["absent", "pending", "running", "ready", "succeeded", "failed"]

ROLES: tuple[Role, ...] = ("preflight", "tuning", "serving")
ACTIVE: frozenset[WorkloadPhase] = frozenset({"pending", "running", "ready"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """The cause of a trouble: a condition's reason and message."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: LLMwrightError) -> Trouble:
        """Return the trouble of an error, with its hint."""
        return cls(error.reason, error.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The observed workload of one role.

    ``digest`` is the digest of the Launch that it was started with; ``inputs`` is that of the plan which last accepted
    it. ``reason`` and ``message`` name the root cause where it has a trouble or cannot start. ``since`` is when the
    phase began, ``stage`` the process that runs now. ``failed`` means that the target gave up, or that it keeps
    crashing; ``crashing`` that it kept doing so, and runs once more. Where it ``returns``, the target starts it
    again until somebody stops it.

    Of a server that consists of pods: ``asked`` is the number that its object asks for, ``autoscaled`` whether somebody
    else sets that. ``pods`` are there and stay, None where they are not counted; ``answering`` pods run the latest
    launch and are ready; ``ending`` pods are on their way out. ``settled`` is False while its own controller has not
    looked at the latest change. What it waits for is ``awaited`` where its runtime says that it comes by itself.
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
    download: Download | None = None
    stage: str = ""
    asked: int | None = None
    autoscaled: bool = False
    pods: int | None = None
    answering: int = 0
    ending: int = 0
    settled: bool = True
    crashing: bool = False
    returns: bool = False
    awaited: bool = False

    @property
    def active(self) -> bool:
        """Whether it occupies a machine, or will again, so that a stop would change something."""
        return self.phase in ACTIVE or (self.phase == "failed" and self.returns)


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """The mover of the number of copies: whether it works, and why."""

    works: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that a decision may read.

    ``provision`` is the provisioner's decision for ``plan.nodes`` and the nodes whose pods have not ended yet,
    ``release`` its decision for 0 nodes. Both are pure answers to one observation; the lifecycle chooses between them.
    ``provisioner_trouble`` is set where the driver cannot be loaded or its last action was refused. ``attempts`` counts
    transient failures in a row, ``failed_at`` is the time of the last. ``driver_faults`` counts how often in a row the
    driver could not say what it would do, because a method of it broke. ``transient``: it could not be asked, and that
    ends by itself. ``acting``: actions of the provisioner are under way, and what they make is not seen yet.
    ``look_due``: the provisioner's objects were read from caches alone since it last acted, so some may be unseen.
    ``claims`` is set by provisioners that use NodeClaims. ``output`` is the place of the result.
    ``pod_labels`` select the Workspace's pods, as text; empty where it has none.
    ``plan_waits``: ``plan_trouble`` ends by itself, once something exists that the plan needs.
    ``keeps_finished``: this target never loses a finished preflight, so an absent preflight has never run.
    ``newer_plan``: a plan made today from the same inputs differs from the recorded plan. ``refused_today`` is why such
    a plan would be refused, by rules or settings that are others by now; empty where it would not.
    ``unapplied``: changes of the Workspace, or of the settings, that are not carried out.
    ``image_trouble``: an image of the plan that its registry does not have, or is being asked for.
    ``no_nodes`` tells why nodes must not be asked for, nor pods be made: these would be refused, or lack a volume. With
    ``no_nodes_yet`` that is not known, and will be.
    ``autoscaler`` is that of ``inference.autoscaling``; None where none is asked for, or none is there yet.
    """

    deleting: bool = False
    provision: ProvisionerDecision | None = None
    release: ProvisionerDecision | None = None
    provisioner_trouble: Trouble | None = None
    claims: Outcome | None = None
    attempts: int = 0
    failed_at: datetime | None = None
    driver_faults: int = 0
    transient: bool = False
    acting: bool = False
    look_due: bool = False
    preflight: Workload = field(default_factory=Workload)
    tuning: Workload = field(default_factory=Workload)
    serving: Workload = field(default_factory=Workload)
    output: str | None = None
    pod_labels: str = ""
    plan_trouble: Trouble | None = None
    plan_waits: bool = False
    keeps_finished: bool = False
    newer_plan: bool = False
    refused_today: str = ""
    unapplied: tuple[UnappliedChange, ...] = ()
    autoscaler: Autoscaler | None = None
    image_trouble: Trouble | None = None
    no_nodes: Trouble | None = None
    no_nodes_yet: bool = False

    def workloads(self) -> Iterator[tuple[Role, Workload]]:
        """Yield the three roles, each with its workload."""
        yield "preflight", self.preflight
        yield "tuning", self.tuning
        yield "serving", self.serving
