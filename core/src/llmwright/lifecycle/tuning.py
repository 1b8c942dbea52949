"""Tuning: one job, and its result kept; from then on WorkspaceSucceeded stays True."""

from __future__ import annotations

from datetime import datetime

from llmwright.api.status import Tuned
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.currency import currency
from llmwright.lifecycle.decision import Stop
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.plan.inputs import as_written
from llmwright.values.launch import Launch

STARTED = ("WorkspaceTuningJobStatusStarted", "Tuning job has started")
PENDING = ("WorkspaceTuningJobStatusPending", "Tuning job has not started")
FAILED = "WorkspaceTuningJobStatusFailed"

SUSPEND = "llmwright.io/suspend"
"""Annotation: ``"true"`` holds tuning back once all before it is done, as ``spec.suspend`` does for a Job."""


def is_tuned(situation: Situation) -> bool:
    """Whether the result of what the user asks for is safe."""
    return tuned_at(situation) is not None


def tuned_at(situation: Situation) -> datetime | None:
    """When the result became safe, None where it is not: from the finished job, or the status where that is gone."""
    launch = situation.plan.tuning
    if launch is None:
        return None
    record = situation.previous.tuned
    if record is not None and _same(record, launch, situation.plan.inputs):
        return datetime.fromisoformat(record.finished_at)
    found = situation.observed.tuning
    state = currency(found, launch, situation.plan.inputs)
    if found.phase == "succeeded" and state in ("current", "superseded"):
        return found.since or situation.now
    return None


def tuning(situation: Situation, draft: Draft, clear: bool) -> bool:
    """Fill in ``JobStarted`` and ``WorkspaceSucceeded``; True where a server may start."""
    launch = situation.plan.tuning
    if launch is None:
        draft.conditions.drop("JobStarted")
        return clear
    finished = tuned_at(situation)
    if finished is not None:
        _kept(situation, draft, launch, finished)
        return clear
    draft.fields |= {"tuned": None, "output": None}
    _run(situation, draft, launch, clear)
    return False


def _same(record: Tuned, launch: Launch, inputs: str) -> bool:
    """A rollout moves what runs: what is done and kept is not done again."""
    return as_written(record.inputs) == as_written(inputs) or record.launch == launch.digest


def _kept(situation: Situation, draft: Draft, launch: Launch, finished: datetime) -> None:
    found, record = situation.observed.tuning, situation.previous.tuned
    if record is not None and not _same(record, launch, situation.plan.inputs):
        record = None
    draft.fields["state"] = "Succeeded"
    draft.fields["tuned"] = Tuned(
        launch=record.launch if record else found.digest or launch.digest,
        inputs=situation.plan.inputs,
        finished_at=rfc3339(finished),
    )
    draft.fields["output"] = situation.observed.output or situation.previous.output
    draft.fields["progress"] = found.progress or situation.previous.progress
    draft.conditions.set("JobStarted", True, *STARTED)
    draft.conditions.set("WorkspaceSucceeded", True, "workspaceSucceeded", "workspace succeeds")


def _run(situation: Situation, draft: Draft, launch: Launch, clear: bool) -> None:
    found = situation.observed.tuning
    state = currency(found, launch, situation.plan.inputs)
    draft.fields["progress"] = found.progress
    if state == "superseded":
        draft.superseded.append("tuning")
    if state == "current" and found.inputs != situation.plan.inputs:
        draft.start("tuning", launch, situation.plan.inputs)
    if state in ("absent", "outdated"):
        _start(situation, draft, launch, clear, replaces=state == "outdated")
    elif found.phase == "failed":
        _failed(draft, found.reason, found.message)
    elif found.phase == "pending":
        _pending(draft, found.reason or PENDING[0], found.message or PENDING[1])
    else:
        _running(draft)


def _start(situation: Situation, draft: Draft, launch: Launch, clear: bool, *, replaces: bool) -> None:
    """Start on nodes that an earlier result's server no longer fills."""
    found = situation.observed.tuning
    hindered = found.phase == "absent" and bool(found.reason)
    _pending(draft, *((found.reason, found.message) if hindered else PENDING))
    draft.fields["progress"] = None
    if not clear:
        _drop(situation, draft)
        return
    if situation.workspace.metadata.annotations.get(SUSPEND) == "true":
        _pending(draft, "Suspended", f"tuning waits until the annotation {SUSPEND} is removed")
        return
    if situation.observed.serving.active:
        draft.actions.append(Stop("serving"))
        return
    draft.start("tuning", launch, situation.plan.inputs, replaces=replaces)


def _drop(situation: Situation, draft: Draft) -> None:
    """A job whose result nobody wants any more ends now: it would only hold the machine."""
    if situation.observed.tuning.active:
        draft.actions.append(Stop("tuning"))


def _pending(draft: Draft, reason: str, message: str) -> None:
    draft.fields["state"] = "Pending"
    draft.conditions.set("JobStarted", False, reason, message)
    text = "workspace is initializing, tuning job has not started"
    draft.conditions.set("WorkspaceSucceeded", False, "workspacePending", text)
    draft.wait(reason, message)


def _running(draft: Draft) -> None:
    draft.fields["state"] = "Running"
    draft.conditions.set("JobStarted", True, *STARTED)
    text = "workspace has not completed yet, tuning job is running"
    draft.conditions.set("WorkspaceSucceeded", False, "workspacePending", text)
    draft.wait("workspacePending", text)


def _failed(draft: Draft, reason: str, message: str) -> None:
    draft.fields["state"] = "Failed"
    text = f"tuning job failed: {message}" if message else "tuning job failed"
    draft.conditions.set("JobStarted", False, reason or FAILED, text)
    draft.conditions.set("WorkspaceSucceeded", False, "workspaceFailed", text)
    draft.stall(reason or FAILED, text)
