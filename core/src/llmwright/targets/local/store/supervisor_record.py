"""``runs.json``: a supervisor's record of its processes, from which the next supervisor goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from llmwright.lifecycle.observed import Role
from llmwright.values.launch import Launch, Process

RunPhase = Literal["waiting", "running", "ready", "stopping", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRun:
    """One role's Launch under way: its processes run one after the other, and ``stage`` counts through them.

    In the phase ``waiting`` the process of ``stage`` starts at ``due``. ``pid`` and ``created`` (its start, in seconds
    since the epoch) identify the running process: another process with the same pid has another start. ``failures``
    counts failures of the present stage in a row, ``restarts`` those of the whole run.
    """

    role: Role
    launch: Launch
    digest: str
    inputs: str
    phase: RunPhase
    since: datetime
    due: datetime
    stage: int = 0
    pid: int | None = None
    created: float | None = None
    failures: int = 0
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""
    message: str = ""

    @property
    def stages(self) -> tuple[Process, ...]:
        """The processes in order; no process follows a server."""
        return (*self.launch.prepare, self.launch.main) if self.role == "serving" else self.launch.processes

    @property
    def process(self) -> Process:
        """The process of the present stage, the last one where all are done."""
        return self.stages[min(self.stage, len(self.stages) - 1)]

    @property
    def is_server(self) -> bool:
        """Whether the present stage is a server, which does not end by itself."""
        return self.role == "serving" and self.stage == len(self.launch.prepare)

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.phase in ("succeeded", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorRecord:
    """The processes of one Workspace.

    * ``boot``: identifies the machine's start that the pids belong to.
    * ``ports``: port numbers by ``role.name``, so that a server comes back at its address.
    * ``tuned``: digest of the tuning whose checkpoints lie in the results.
    * ``generation``: the user's change that the runs belong to.
    * ``settled``: nothing is left to do for that generation, so no supervisor is needed.
    """

    boot: str
    runs: tuple[RoleRun, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    tuned: str = ""
    generation: int = 0
    settled: bool = False
