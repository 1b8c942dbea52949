"""Recording what the user applied, deleted or stopped; all of it under the apply lock."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import NotYet
from llmwright.targets.local.process.leftovers import end_all
from llmwright.targets.local.store.applied import Request
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceState
from llmwright.targets.local.supervisor.event_wait import wake
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan

Change = Literal["created", "configured", "unchanged"]

TEAR_DOWN_S = 60.0


def record(state: WorkspaceState, wanted: Request, plan: Plan) -> Change:
    """Write ``wanted`` and ``plan`` as far as they differ from what is recorded.

    The plan is written first: a crash in between leaves the old request, so that applying again carries on.

    Raises:
        NotYet: the Workspace is being deleted.
        TargetError: the disk refuses; what was recorded is untouched.
    """
    before = state.read_request()
    if before is None:
        state.create()
        state.write_plan(plan)
        state.write_request(wanted)
        return "created"
    if before.deleting:
        raise NotYet(
            f"{state.namespace}/{state.name} is being deleted",
            hint="apply it again once it is gone",
            reason="Deleting",
        )
    return _record_change(state, before, wanted, plan)


def lacks_secrets(before: Request | None, wanted: Request) -> bool:
    """Whether a secret came after the supervisor was started, which has the environment of that time."""
    return before is not None and not before.deleting and not set(wanted.secrets) <= set(before.secrets)


def tear_down(state: WorkspaceState) -> None:
    """Remove a Workspace whose files nobody can read: its supervisor ends as its request is gone, then the rest.

    Raises:
        NotYet: its processes do not end.
    """
    (state.directory / "workspace.json").unlink(missing_ok=True)
    wake(state.wake)
    lock = FileLock(state.supervisor_lock)
    if not lock.take(wait_s=TEAR_DOWN_S):
        raise NotYet(f"the processes of {state.namespace}/{state.name} do not end")
    end_all(None, str(state.directory))
    state.remove()
    lock.free()


def roll_out(state: WorkspaceState, plan: Plan) -> Change:
    """Record ``plan`` in place of the one made from the same inputs, as a change that the user wants.

    A tuning that is finished keeps the launches that it was done with, and so is not done again.

    Raises:
        TargetError: the disk refuses.
    """
    before, recorded = state.read_request(), state.read_plan()
    if before is None or recorded is None:
        return "unchanged"
    plan = _with_what_is_done(plan, recorded, state.read_status())
    if not _differs(recorded, plan):
        return "unchanged"
    state.write_plan(plan)
    state.write_request(
        replace(before, generation=before.generation + 1, rollouts=before.rollouts + 1, newer_plan=False)
    )
    return "configured"


def accepted(plan: Plan | None, request: Request) -> Plan | None:
    """``plan`` with inputs that tell one rollout from another, as what runs is to move with each."""
    if plan is None or not request.rollouts:
        return plan
    return replace(plan, inputs=f"{plan.inputs}.{request.rollouts}")


def _record_change(state: WorkspaceState, before: Request, wanted: Request, plan: Plan) -> Change:
    recorded = state.read_plan()
    same_inputs = recorded is not None and recorded.inputs == plan.inputs
    now = replace(
        wanted,
        generation=before.generation,
        created_at=before.created_at,
        rollouts=before.rollouts,
        secrets=tuple(sorted({*before.secrets, *wanted.secrets})),
    )
    status = state.read_status()
    if same_inputs and recorded is not None and _differs(recorded, _with_what_is_done(plan, recorded, status)):
        now = replace(now, newer_plan=True)
    failed = _has_failed(status)
    if failed or not same_inputs:
        state.write_plan(plan)
        now = replace(now, newer_plan=False)
    again = before.stopped or failed
    if same_inputs and not again and now == before:
        return "unchanged"
    noticed = replace(now, newer_plan=before.newer_plan) == before and same_inputs and not again
    state.write_request(now if noticed else replace(now, generation=before.generation + 1))
    return "unchanged" if noticed else "configured"


def _with_what_is_done(plan: Plan, recorded: Plan, status: WorkspaceStatus | None) -> Plan:
    """``plan`` with the launches of a tuning that is finished: those are history, not plans."""
    if status is None or status.tuned is None:
        return plan
    return replace(plan, preflight=recorded.preflight, tuning=recorded.tuning)


def _differs(recorded: Plan, made_now: Plan) -> bool:
    return _digests(recorded) != _digests(made_now)


def _digests(plan: Plan) -> list[str | None]:
    launches: tuple[Launch | None, ...] = (plan.tuning, plan.serving)
    return [None if launch is None else launch.digest for launch in launches]


def _has_failed(status: WorkspaceStatus | None) -> bool:
    stalled = status.condition("Stalled") if status is not None else None
    return stalled is not None and stalled.status == "True"
