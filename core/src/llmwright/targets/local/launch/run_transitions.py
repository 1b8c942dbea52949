"""One role's run: what was started, how far it is, and what follows from an exit. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from llmwright.lifecycle.observed import Role, Workload, WorkloadPhase
from llmwright.targets.local.options import LocalOptions
from llmwright.values.launch import Launch, Process

RunPhase = Literal["waiting", "running", "ready", "stopping", "succeeded", "failed"]

USERS_MISTAKE = 2
"""The exit code by which a process says that only the user can mend it: trying again is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended: its code (negative: a signal), its last words, and what else is known."""

    code: int
    words: str = ""
    out_of_memory: bool = False
    port_taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``stage`` counts through the Launch's processes; ``waiting`` starts it at ``due``.

    ``pid`` and ``created`` (seconds since the epoch) name the process for certain, so that another one with the same
    pid is never touched. ``failures`` counts failures of the present stage in a row, ``restarts`` all of the run.
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
        """The processes in order; a server has nothing after it."""
        return (*self.launch.prepare, self.launch.main) if self.role == "serving" else self.launch.processes

    @property
    def process(self) -> Process:
        """The process of the present stage, the last one where all are done."""
        return self.stages[min(self.stage, len(self.stages) - 1)]

    @property
    def serves(self) -> bool:
        """Whether the present stage is a server, which does not end by itself."""
        return self.role == "serving" and self.stage == len(self.launch.prepare)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.phase in ("succeeded", "failed")


def begin(role: Role, launch: Launch, digest: str, inputs: str, now: datetime) -> Run:
    """A run about to start its first process."""
    return Run(role=role, launch=launch, digest=digest, inputs=inputs, phase="waiting", since=now, due=now)


def spawned(run: Run, pid: int, created: float, now: datetime) -> Run:
    """The present stage's process is there."""
    return replace(run, phase="running", pid=pid, created=created, since=now)


def recovered(run: Run, now: datetime) -> Run:
    """After the supervisor itself was lost: what ran starts again, and that counts as nobody's failure."""
    if run.over:
        return run
    return replace(run, phase="waiting", due=now, since=now, pid=None, created=None)


def answered(run: Run, ready: bool, now: datetime) -> Run:
    """A probe changed its mind about the server."""
    if ready and run.phase == "running":
        return replace(run, phase="ready", since=now, reason="", message="", failures=0)
    if not ready and run.phase == "ready":
        return replace(run, phase="running", since=now, reason="NotAnswering", message="the server does not answer")
    return run


def exited(run: Run, end: Exit, now: datetime, options: LocalOptions) -> Run:
    """What follows from the end of the present stage's process."""
    gone = replace(run, pid=None, created=None, exit_code=end.code, since=now)
    if end.code == 0 and not run.serves:
        return _next_stage(gone, now)
    reason, message = _cause(run, end)
    if end.code == USERS_MISTAKE:
        return replace(gone, phase="failed", reason=reason, message=message)
    failures = run.failures + 1
    gone = replace(gone, failures=failures, restarts=run.restarts + 1, reason=reason, message=message)
    if not run.serves and failures > options.retries:
        return replace(gone, phase="failed")
    rest = 0.0 if end.port_taken and failures <= options.crash_loop else options.backoff(failures)
    return replace(gone, phase="waiting", due=now + timedelta(seconds=rest))


def refused(run: Run, reason: str, message: str, now: datetime) -> Run:
    """The process could not even be started, and trying again is no use."""
    return replace(run, phase="failed", since=now, pid=None, created=None, reason=reason, message=message)


def workload(run: Run, options: LocalOptions) -> Workload:
    """The run as the lifecycle sees it; one that is being stopped is still there."""
    return Workload(
        phase=_phase(run, options),
        digest=run.digest,
        inputs=run.inputs,
        reason=run.reason,
        message=run.message,
        since=run.since,
        restarts=run.restarts,
        stage=run.process.name,
    )


def _next_stage(run: Run, now: datetime) -> Run:
    done = replace(run, stage=run.stage + 1, failures=0, reason="", message="")
    if done.stage == len(run.stages):
        return replace(done, phase="succeeded")
    return replace(done, phase="waiting", due=now)


def _cause(run: Run, end: Exit) -> tuple[str, str]:
    """Reason and message of a failure; memory is named by KAITO's own word."""
    name = run.process.name
    if end.out_of_memory:
        return "ContainerOOMKilled", f"{name} was ended by the kernel: this machine's memory is used up"
    if end.code < 0:
        return "Killed", f"{name} was ended by signal {-end.code}"
    words = end.words or f"{name} ended with code {end.code}"
    if end.code == USERS_MISTAKE:
        return "InvalidInput", words
    if run.serves and run.failures > 0:
        return "ContainerCrashLoopBackOff", words
    return "ProcessFailed", words


def _phase(run: Run, options: LocalOptions) -> WorkloadPhase:
    if run.phase == "stopping":
        return "running"
    if run.phase == "waiting":
        if run.serves and run.failures >= options.crash_loop:
            return "failed"
        return "running" if run.role == "tuning" and run.stage > 0 else "pending"
    if run.phase == "running":
        return "pending" if run.role == "serving" else "running"
    return run.phase
