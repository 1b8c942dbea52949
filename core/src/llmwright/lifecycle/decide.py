"""``decide``: the decision for one Workspace, the same for every target."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.after_tuning import after_tuning
from llmwright.lifecycle.autoscaling import autoscaling
from llmwright.lifecycle.conditions import Conditions
from llmwright.lifecycle.decision import Decision
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.deleting import deleting
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.lifecycle.policy import Policy
from llmwright.lifecycle.preflight import preflight
from llmwright.lifecycle.resource import resource
from llmwright.lifecycle.serving import serving
from llmwright.lifecycle.summary import record, summarise, unplanned
from llmwright.lifecycle.transition_events import transition_events
from llmwright.lifecycle.tuning import tuning
from llmwright.lifecycle.unapplied import unapplied
from llmwright.values.plan import Plan

NO_PLAN = Trouble("PlanPending", "no plan has been made yet")


def decide(
    workspace: Workspace,
    plan: Plan | None,
    observed: Observed,
    previous: WorkspaceStatus | None,
    now: datetime,
    policy: Policy | None = None,
) -> Decision:
    """Return the actions that are due now and the new status. Reads nothing but the arguments.

    Args:
        workspace: the user's wish.
        plan: the decided plan; None where none could be made (``observed.plan_trouble`` holds the reason).
        observed: the state of everything that belongs to the Workspace.
        previous: the status as last written, None the first time. Only these are read from it: transition times, the
            record of the finished tuning, a preflight that passed for the same inputs, and texts that outlive their
            object.
        now: the present time, with time zone.
        policy: choices from the settings.
    """
    policy, previous = policy or Policy(), previous or WorkspaceStatus()
    builder = DecisionBuilder(conditions=Conditions(previous.conditions, now, workspace.metadata.generation), fields={})
    if observed.deleting:
        since = now - observed.failed_at if observed.failed_at else timedelta.max
        deleting(workspace, observed, previous, builder, policy, since)
        return builder.decision(previous)
    builder.fields["observed_generation"] = workspace.metadata.generation
    builder.conditions.drop("WorkspaceDeleting")
    if plan is None or observed.plan_trouble is not None:
        waits = observed.plan_waits or observed.plan_trouble is None
        unplanned(workspace, builder, observed.plan_trouble or NO_PLAN, previous, waits=waits)
    else:
        _phases(
            LifecycleInput(
                workspace=workspace, plan=plan, observed=observed, previous=previous, now=now, policy=policy
            ),
            builder,
        )
    conditions, tuning = builder.conditions.listed(), workspace.tuning is not None
    builder.events += transition_events(previous, conditions, builder.expected, tuning=tuning)
    return builder.decision(previous)


def _phases(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Run the phases in order. ``clear`` tells a phase that all before it are done, so that it may start something."""
    builder.fields["plan"] = record(facts)
    builder.fields["target_node_count"] = facts.plan.nodes.count
    builder.fields["download"] = facts.observed.tuning.download or facts.observed.serving.download
    clear = preflight(facts, builder)
    clear = resource(facts, builder, clear)
    clear = tuning(facts, builder, clear)
    after_tuning(facts, builder)
    serving(facts, builder, clear)
    autoscaling(facts, builder)
    unapplied(facts, builder)
    summarise(facts, builder)
