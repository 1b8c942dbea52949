"""A role's run before and after a start, an exit or a probe. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llmwright.lifecycle.observed import Role, Workload, WorkloadPhase
from llmwright.lifecycle.weight_causes import weight_cause
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.store.supervisor_record import RoleRun
from llmwright.values.launch import Launch

USERS_MISTAKE = 2
"""The exit code of a process that only the user can mend: it is not started again."""


PASSING = frozenset({"PortTaken", "NoFreePort", "DiskFull"})
"""Reasons of a refused start that other programs may take away: it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExit:
    """How a process ended: its code (negative: a signal), its error text, and the known causes."""

    code: int
    error: str = ""
    out_of_memory: bool = False
    port_taken: bool = False


def new_run(role: Role, launch: Launch, digest: str, inputs: str, now: datetime) -> RoleRun:
    """Return a run that starts its first process now."""
    return RoleRun(role=role, launch=launch, digest=digest, inputs=inputs, phase="waiting", since=now, due=now)


def after_start(run: RoleRun, pid: int, created: float, now: datetime) -> RoleRun:
    """Return the run whose present stage's process was started."""
    return replace(run, phase="running", pid=pid, created=created, since=now)


def after_refused_start(run: RoleRun, reason: str, message: str, now: datetime, options: LocalOptions) -> RoleRun:
    """Return the run whose process was not started: failed, or to be tried again where the reason may pass."""
    refused = replace(run, since=now, pid=None, created=None, reason=reason, message=message)
    if reason not in PASSING:
        return replace(refused, phase="failed")
    failures = run.failures + 1
    pause = timedelta(seconds=options.backoff.pause_s(failures))
    return replace(refused, phase="waiting", failures=failures, restarts=run.restarts + 1, due=now + pause)


def after_wish(run: RoleRun, now: datetime) -> RoleRun:
    """Return the run as the user's apply finds it: one that waits after failures is tried again at once."""
    if run.phase != "waiting" or not run.failures:
        return run
    return replace(run, due=now, since=now, failures=0, reason="", message="")


def after_lost_supervisor(run: RoleRun, now: datetime) -> RoleRun:
    """Return the run that starts the lost process again; this counts as no failure."""
    if run.finished:
        return run
    return replace(run, phase="waiting", due=now, since=now, pid=None, created=None)


def after_probe(run: RoleRun, ready: bool, now: datetime) -> RoleRun:
    """Return the run of a server that answers (``ready``), or does not."""
    if ready and run.phase == "running":
        return replace(run, phase="ready", since=now, reason="", message="", failures=0)
    if not ready and run.phase == "ready":
        return replace(run, phase="running", since=now, reason="NotAnswering", message="the server does not answer")
    return run


def after_exit(run: RoleRun, end: ProcessExit, now: datetime, options: LocalOptions) -> RoleRun:
    """Return the run after the present stage's process ended: its next stage, another try, or the end."""
    ended = replace(run, pid=None, created=None, exit_code=end.code, since=now)
    if end.code == 0 and not run.is_server:
        return _next_stage(ended, now)
    reason, message = _cause(run, end)
    if end.code == USERS_MISTAKE and not end.port_taken:
        return replace(ended, phase="failed", reason=reason, message=message)
    failures = run.failures + 1
    ended = replace(ended, failures=failures, restarts=run.restarts + 1, reason=reason, message=message)
    # A server is never given up: its cause (memory, a registry) may pass, and its status says that it crashes.
    if not run.is_server and failures > options.retries:
        return replace(ended, phase="failed")
    # With another port there is nothing to wait for; after some tries there is, or the restarts fill a core.
    at_once = end.port_taken and failures <= options.crash_loop
    pause_s = 0.0 if at_once else options.backoff.pause_s(failures)
    return replace(ended, phase="waiting", due=now + timedelta(seconds=pause_s))


def observed_workload(run: RoleRun, options: LocalOptions) -> Workload:
    """Return the run as the lifecycle observes it; a run that is being stopped is still active."""
    return Workload(
        phase=_phase(run, options),
        digest=run.digest,
        inputs=run.inputs,
        reason=run.reason,
        message=run.message,
        since=run.since,
        restarts=run.restarts,
        stage=run.process.name,
        crashing=run.is_server and run.phase == "running" and run.failures >= options.crash_loop,
        returns=run.phase == "waiting",
    )


def _next_stage(run: RoleRun, now: datetime) -> RoleRun:
    done = replace(run, stage=run.stage + 1, failures=0, reason="", message="")
    if done.stage == len(run.stages):
        return replace(done, phase="succeeded")
    return replace(done, phase="waiting", due=now)


def _cause(run: RoleRun, end: ProcessExit) -> tuple[str, str]:
    """Return the reason, which is KAITO's own where it has one, and the message of a failure."""
    name = run.process.name
    if end.out_of_memory:
        return "ContainerOOMKilled", f"{name} was ended by the kernel: this machine's memory is used up"
    if end.code < 0:
        return "Killed", f"{name} was ended by signal {-end.code}"
    error = end.error or f"{name} ended with code {end.code}"
    if end.port_taken:
        return "PortTaken", error
    cause = weight_cause(error)
    if cause is not None:
        return cause.reason, cause.message
    if end.code == USERS_MISTAKE:
        return "InvalidInput", error
    if run.is_server and run.failures > 0:
        return "ContainerCrashLoopBackOff", error
    return "ProcessFailed", error


def _phase(run: RoleRun, options: LocalOptions) -> WorkloadPhase:
    # Still there: a role counts as absent, and may be started anew, only when its process has ended.
    if run.phase == "stopping":
        return "running"
    if run.phase == "waiting":
        if run.failures >= options.crash_loop and (run.is_server or run.reason in PASSING):
            return "failed"
        return "running" if run.role == "tuning" and run.stage > 0 else "pending"
    if run.phase == "running":
        return "pending" if run.role == "serving" else "running"
    return run.phase
