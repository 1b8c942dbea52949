"""Fallback: an instance type that cannot be had is given back, and the next one that the user left open is tried.

The refusal is recorded in ``status.plan`` before anything is given back, and the choice of the next type before
anything of it is asked for. The Plan is made again under another digest, so that what was refused or lost before counts
no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from llmwright.api.status import PlanRecord, ProvisionerStatus, RefusedType
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decision import Event, Look, Release
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.losses import moment_of
from llmwright.lifecycle.node_conditions import REASONS, not_ready
from llmwright.lifecycle.observed import Trouble
from llmwright.plan.digest import with_fallback
from llmwright.values.nodes import Failed, Ready
from llmwright.values.plan import Plan

KIND = "InstanceTypeRefused"
FALLING_BACK = "FallingBack"
FALLS_BACK = frozenset(REASONS[kind] for kind in ("quota", "capacity", "retired"))
"""Reasons that another instance type may not have."""

ROUND_S = 900.0
"""Once all types were refused, all are tried again after so long: capacity comes back, and nobody watches for it."""

AGAIN_S = 0.5
CAUSE_CHARACTERS = 200


def types_to_try(plan: Plan, previous: PlanRecord | None, now: datetime) -> tuple[list[str], list[RefusedType]]:
    """Return the instance types that come after that of ``plan``, and those that were refused before it."""
    name = plan.instance_type.name if plan.instance_type else None
    if previous is None or previous.inputs != plan.inputs:
        # Of another wish, on machines that are kept: all others come after them, those that were refused too.
        kept = _others(previous) if previous is not None and previous.instance_type == name else []
        return list(plan.alternatives or kept), []
    if previous.instance_type is not None:
        return previous.alternatives, previous.refused
    at = rfc3339(now)
    passed_over = [
        RefusedType(instance_type=over.name, reason=over.reason, message=over.message[:CAUSE_CHARACTERS], at=at)
        for over in plan.passed_over
    ]
    return list(plan.alternatives), _latest([*previous.refused, *passed_over])


def _others(record: PlanRecord) -> list[str]:
    names = dict.fromkeys((*record.alternatives, *(refused.instance_type for refused in record.refused)))
    return [name for name in names if name != record.instance_type]


def falls_back(facts: LifecycleInput, builder: DecisionBuilder) -> bool:
    """Give up the planned instance type where it cannot be had and another may; return whether that is under way."""
    record: PlanRecord = builder.fields["plan"]
    if not record.instance_type or not (record.alternatives or record.refused):
        builder.conditions.drop(KIND)
        return False
    trouble = _refusal(facts)
    if not _is_given_up(record) and trouble is not None and not _in_use(facts):
        record = _refused(record, trouble, facts.now)
        builder.events.append(Event("Warning", KIND, _text(record, record.refused[-1:])))
        _keep_state(facts, builder)
    elif _is_given_up(record) and not record.alternatives:
        record = _after_all(record, facts, builder, trouble)
    builder.fields["plan"] = record
    _tell(record, builder)
    if not _is_given_up(record) or not record.alternatives:
        return False
    _give_back(facts, builder, record)
    return True


def with_tried(facts: LifecycleInput, builder: DecisionBuilder) -> LifecycleInput:
    """Return ``facts`` where the refusal of the last instance type names the others that were tried."""
    record: PlanRecord = builder.fields["plan"]
    others = "; ".join(map(_line, record.refused[:-1]))
    if not _is_given_up(record) or not others:
        return facts
    observed, suffix = facts.observed, f". Tried before: {others}"
    decision, trouble = observed.provision, observed.provisioner_trouble
    if decision is not None and isinstance(decision.outcome, Failed):
        outcome = replace(decision.outcome, message=f"{decision.outcome.message}{suffix}")
        observed = replace(observed, provision=replace(decision, outcome=outcome))
    if trouble is not None:
        observed = replace(observed, provisioner_trouble=Trouble(trouble.reason, f"{trouble.message}{suffix}"))
    return replace(facts, observed=observed)


def _refusal(facts: LifecycleInput) -> Trouble | None:
    """Return why the cloud has no machine of the planned type; None where another type would not help."""
    decision, trouble = facts.observed.provision, facts.observed.provisioner_trouble
    if decision is None or isinstance(decision.outcome, Ready):
        return None
    if trouble is not None and trouble.reason in FALLS_BACK:
        return trouble
    outcome = decision.outcome
    if isinstance(outcome, Failed) and (reason := REASONS[outcome.kind]) in FALLS_BACK:
        return Trouble(reason, outcome.message)
    return None


def _in_use(facts: LifecycleInput) -> bool:
    """Whether something of the Workspace runs on nodes, which would go with them."""
    roles = (facts.observed.tuning, facts.observed.serving)
    return any(workload.answering or workload.phase in ("running", "ready") for workload in roles)


def _is_given_up(record: PlanRecord) -> bool:
    return bool(record.refused) and record.refused[-1].instance_type == record.instance_type


def _refused(record: PlanRecord, trouble: Trouble, now: datetime) -> PlanRecord:
    last = RefusedType(
        instance_type=record.instance_type or "",
        reason=trouble.reason,
        message=trouble.message[:CAUSE_CHARACTERS],
        at=rfc3339(now),
    )
    return record.model_copy(update={"refused": _latest([*record.refused, last])})


def _keep_state(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Record what the provisioner remembers of the refusal: else it takes its traces for one of the next type."""
    decision = facts.observed.provision
    if decision is not None and not decision.actions:
        before = facts.previous.provisioner or ProvisionerStatus()
        builder.fields["provisioner"] = before.model_copy(update={"state": dict(decision.state)})


def _latest(refused: list[RefusedType]) -> list[RefusedType]:
    """Return each type once, where it was refused last."""
    by_name = {each.instance_type: each for each in refused}
    return [each for each in refused if by_name[each.instance_type] is each]


def _after_all(
    record: PlanRecord, facts: LifecycleInput, builder: DecisionBuilder, trouble: Trouble | None
) -> PlanRecord:
    """Return the record once no other type is left: the last one goes on, came after all, or all are tried again."""
    decision, last = facts.observed.provision, record.refused[-1]
    if decision is not None and isinstance(decision.outcome, Ready):
        return record.model_copy(update={"refused": record.refused[:-1]})
    at = moment_of(last.at)
    rest_s = (at + timedelta(seconds=ROUND_S) - facts.now).total_seconds() if at is not None else 0.0
    if rest_s > 0:
        builder.wake(rest_s)
    elif trouble is not None and len(record.refused) > 1 and not _in_use(facts):
        names = [each.instance_type for each in record.refused]
        return record.model_copy(update={"alternatives": names, "refused": [last]})
    return record


def _give_back(facts: LifecycleInput, builder: DecisionBuilder, record: PlanRecord) -> None:
    """Release what was asked for; then leave the type open, so that the next one is planned."""
    release, observed = facts.observed.release, facts.observed
    not_ready(builder, Trouble(FALLING_BACK, _text(record, record.refused[-1:])), observed.claims, root=True)
    builder.fields |= {"worker_nodes": [], "cost": None}
    pause_s = facts.policy.backoff.first_s
    if observed.acting or release is None:
        builder.wake(pause_s)
    elif not isinstance(release.outcome, Ready):
        if release.actions:
            builder.actions.append(Release(release.actions))
        if isinstance(release.outcome, Failed):
            why = release.outcome.message
            text = f"{record.instance_type} was refused, and what was asked for is not given back: {why}"
            builder.stall(release.outcome.reason or REASONS[release.outcome.kind], text)
        builder.wake(release.outcome.again_in or facts.policy.backoff.pause_s(max(observed.attempts, 1)))
    elif observed.look_due:
        # Caches that lag do not show what was asked for last. Under the next type nobody would look for it.
        builder.actions.append(Look())
        builder.wake(pause_s)
    else:
        builder.fields["plan"] = record.model_copy(
            update={"inputs": with_fallback(record.inputs), "instance_type": None}
        )
        # Not at once: where the write of this status has to wait, passes would be made without end.
        builder.wake(AGAIN_S)


def _tell(record: PlanRecord, builder: DecisionBuilder) -> None:
    if record.refused:
        builder.conditions.set(KIND, True, record.refused[-1].reason, _text(record, record.refused))
    else:
        builder.conditions.drop(KIND)


def _text(record: PlanRecord, refused: Sequence[RefusedType]) -> str:
    """Return the types that were ``refused`` with their reasons, and what comes next."""
    listed = "; ".join(map(_line, refused))
    if not _is_given_up(record):
        return f"{listed}. {record.instance_type} is used instead"
    if record.alternatives:
        return f"{listed}. What was asked for is given back, then {record.alternatives[0]} is tried"
    return (
        f"{listed}. No other instance type is left; all are tried again {ROUND_S / 60:g} minutes after the last refusal"
    )


def _line(refused: RefusedType) -> str:
    return f"{refused.instance_type}: {refused.reason}: {refused.message}"
