"""Tuning: run one job and keep its result. From then on WorkspaceSucceeded stays True."""

from __future__ import annotations

from datetime import datetime

from llmwright.api.status import Tuned
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decision import Stop
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.launch_drift import tuning_drift
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.plan.digest import as_written
from llmwright.values.launch import Launch

STARTED = ("WorkspaceTuningJobStatusStarted", "Tuning job has started")
PENDING = ("WorkspaceTuningJobStatusPending", "Tuning job has not started")
FAILED = "WorkspaceTuningJobStatusFailed"

SUSPEND = "llmwright.io/suspend"
"""Annotation: ``"true"`` stops tuning from starting, after all phases before it, as ``spec.suspend`` does for a Job."""


def is_tuned(facts: LifecycleInput) -> bool:
    """Whether the result of the tuning that the user asks for is safe."""
    return tuned_at(facts) is not None


def tuned_at(facts: LifecycleInput) -> datetime | None:
    """When the result became safe, None where it is not. Read from the status, or from the finished job before that."""
    launch = facts.plan.tuning
    if launch is None:
        return None
    record = facts.previous.tuned
    if record is not None and _same(record, launch, facts.plan.inputs):
        return datetime.fromisoformat(record.finished_at)
    job = facts.observed.tuning
    state = tuning_drift(job, launch, facts.plan.inputs)
    if job.phase == "succeeded" and state in ("current", "kept", "superseded"):
        return job.since or facts.now
    return None


def tuning(facts: LifecycleInput, builder: DecisionBuilder, clear: bool) -> bool:
    """Fill in ``JobStarted`` and ``WorkspaceSucceeded``. Return True where a server may start."""
    launch = facts.plan.tuning
    if launch is None:
        builder.conditions.drop("JobStarted")
        _drop(facts, builder)
        return clear and not facts.observed.tuning.active
    finished = tuned_at(facts)
    if finished is not None:
        _kept(facts, builder, launch, finished)
        return clear
    builder.fields |= {"tuned": None, "output": None}
    _run(facts, builder, launch, clear)
    return False


def _same(record: Tuned, launch: Launch, inputs: str) -> bool:
    """Whether ``record`` is of this tuning. A rollout moves running processes and never repeats a finished tuning."""
    return as_written(record.inputs) == as_written(inputs) or record.launch == launch.digest


def _kept(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch, finished: datetime) -> None:
    job, record = facts.observed.tuning, facts.previous.tuned
    if record is not None and not _same(record, launch, facts.plan.inputs):
        record = None
    builder.fields["state"] = "Succeeded"
    builder.fields["tuned"] = Tuned(
        launch=record.launch if record else job.digest or launch.digest,
        inputs=facts.plan.inputs,
        finished_at=rfc3339(finished),
    )
    builder.fields["output"] = facts.observed.output or facts.previous.output
    builder.fields["progress"] = job.progress or facts.previous.progress
    builder.conditions.set("JobStarted", True, *STARTED)
    builder.conditions.set("WorkspaceSucceeded", True, "workspaceSucceeded", "workspace succeeds")


def _run(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch, clear: bool) -> None:
    job = facts.observed.tuning
    state = tuning_drift(job, launch, facts.plan.inputs)
    builder.fields["progress"] = job.progress
    if state == "superseded":
        builder.superseded.append("tuning")
    if state == "current" and job.inputs != facts.plan.inputs:
        builder.start("tuning", launch, facts.plan.inputs)
    if state in ("absent", "outdated"):
        _start(facts, builder, launch, clear, replaces=state == "outdated")
    elif job.phase == "failed":
        _failed(builder, job.reason, job.message)
    elif job.phase == "pending":
        _pending(builder, job.reason or PENDING[0], job.message or PENDING[1])
    else:
        _running(builder)


def _start(facts: LifecycleInput, builder: DecisionBuilder, launch: Launch, clear: bool, *, replaces: bool) -> None:
    """Start the job, after the server of an earlier result has freed the nodes."""
    job = facts.observed.tuning
    hindered = job.phase == "absent" and bool(job.reason)
    _pending(builder, *((job.reason, job.message) if hindered else PENDING))
    builder.fields["progress"] = None
    if not clear:
        _drop(facts, builder)
        return
    if facts.workspace.metadata.annotations.get(SUSPEND) == "true":
        _pending(builder, "Suspended", f"tuning waits until the annotation {SUSPEND} is removed")
        return
    if facts.observed.serving.active:
        builder.actions.append(Stop("serving"))
        return
    builder.start("tuning", launch, facts.plan.inputs, replaces=replaces)


def _drop(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Stop a job whose result is no longer asked for: it would only occupy the machine."""
    if facts.observed.tuning.active:
        builder.actions.append(Stop("tuning"))


def _pending(builder: DecisionBuilder, reason: str, message: str) -> None:
    builder.fields["state"] = "Pending"
    builder.conditions.set("JobStarted", False, reason, message)
    text = "workspace is initializing, tuning job has not started"
    builder.conditions.set("WorkspaceSucceeded", False, "workspacePending", text)
    builder.wait(reason, message)


def _running(builder: DecisionBuilder) -> None:
    builder.fields["state"] = "Running"
    builder.conditions.set("JobStarted", True, *STARTED)
    text = "workspace has not completed yet, tuning job is running"
    builder.conditions.set("WorkspaceSucceeded", False, "workspacePending", text)
    builder.wait("workspacePending", text)


def _failed(builder: DecisionBuilder, reason: str, message: str) -> None:
    builder.fields["state"] = "Failed"
    text = f"tuning job failed: {message}" if message else "tuning job failed"
    builder.conditions.set("JobStarted", False, reason or FAILED, text)
    builder.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", text)
    builder.stall(reason or FAILED, text)
