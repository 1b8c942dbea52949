"""Record what the user applied or rolled out. The caller holds the apply lock."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import NotYet
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan

Change = Literal["created", "configured", "unchanged"]


def record_apply(store: WorkspaceStore, wanted: AppliedWorkspace, plan: Plan) -> Change:
    """Write ``wanted`` and ``plan`` as far as they differ from what is recorded.

    Raises:
        NotYet: the Workspace is being deleted.
        TargetError: the disk refuses; the records stay as they were.
    """
    before = store.read_applied()
    if before is None:
        store.create()
        # The plan first: a Workspace exists by its workspace.json, and after a crash none exists without a plan.
        store.write_plan(plan)
        store.write_applied(wanted)
        return "created"
    if before.deleting:
        raise NotYet(f"{store.key} is being deleted", hint="apply it again once it is gone", reason="Deleting")
    return _record_change(store, before, wanted, plan)


def record_rollout(store: WorkspaceStore, plan: Plan) -> Change:
    """Record ``plan`` in place of the recorded one, which was made from the same inputs.

    A finished tuning keeps its launches, and so is not done again.

    Raises:
        TargetError: the disk refuses.
    """
    before, recorded = store.read_applied(), store.read_plan()
    if before is None or recorded is None:
        return "unchanged"
    plan = _with_finished_tuning(plan, recorded, store.read_status())
    # A newer plan on offer that does not differ: a crash came between the two writes of an earlier rollout.
    if not _differs(recorded, plan) and not before.newer_plan:
        return "unchanged"
    # The plan first: the supervisor may read between the two writes, and would roll out the old plan's launches.
    store.write_plan(plan)
    store.write_applied(
        replace(before, generation=before.generation + 1, rollouts=before.rollouts + 1, newer_plan=False)
    )
    return "configured"


def record_start(store: WorkspaceStore) -> Change:
    """Record that a stopped Workspace is to run again.

    Raises:
        NotYet: the Workspace is being deleted.
        TargetError: ``NotFound``, or the disk refuses.
    """
    before = store.require_applied()
    if before.deleting:
        raise NotYet(f"{store.key} is being deleted", hint="apply it again once it is gone", reason="Deleting")
    if not before.stopped:
        return "unchanged"
    store.write_applied(replace(before, stopped=False, generation=before.generation + 1))
    return "configured"


def plan_of_rollout(plan: Plan | None, applied: AppliedWorkspace) -> Plan | None:
    """Return ``plan`` with the number of the rollout in its inputs, so that each rollout moves what runs."""
    if plan is None or not applied.rollouts:
        return plan
    return replace(plan, inputs=f"{plan.inputs}.{applied.rollouts}")


def brings_new_secrets(before: AppliedWorkspace | None, wanted: AppliedWorkspace) -> bool:
    """Return whether ``wanted`` names a secret that the running supervisor's environment lacks."""
    return before is not None and not before.deleting and not set(wanted.secrets) <= set(before.secrets)


def _record_change(store: WorkspaceStore, before: AppliedWorkspace, wanted: AppliedWorkspace, plan: Plan) -> Change:
    recorded = store.read_plan()
    same_inputs = recorded is not None and recorded.inputs == plan.inputs
    now = replace(
        wanted,
        generation=before.generation,
        created_at=before.created_at,
        rollouts=before.rollouts,
        secrets=tuple(sorted({*before.secrets, *wanted.secrets})),
    )
    status = store.read_status()
    if same_inputs and recorded is not None and _differs(recorded, _with_finished_tuning(plan, recorded, status)):
        now = replace(now, newer_plan=True)
    failed = _has_failed(status)
    if failed or not same_inputs:
        # The plan first: after a crash in between, the old workspace.json has the next apply go on from here. The other
        # way round, the supervisor would take the old plan for the new Workspace's.
        store.write_plan(plan)
        now = replace(now, newer_plan=False)
    tries_again = before.stopped or failed
    if same_inputs and not tries_again and now == before:
        return "unchanged"
    only_noticed = same_inputs and not tries_again and replace(now, newer_plan=before.newer_plan) == before
    store.write_applied(now if only_noticed else replace(now, generation=before.generation + 1))
    return "unchanged" if only_noticed else "configured"


def _with_finished_tuning(plan: Plan, recorded: Plan, status: WorkspaceStatus | None) -> Plan:
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
