"""The one decision for every target."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.after_tuning import after_tuning
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
    """What to do now and how it stands, from nothing but the arguments.

    Args:
        workspace: what the user wants.
        plan: what was decided for it; None where no plan could be made (``observed.plan_trouble`` says why).
        observed: everything that was found.
        previous: the status as last written, None the first time. Only transition times, the record of what was
            tuned, a preflight that passed for the same inputs, and texts that outlive their object are read from it.
        now: the present time, with time zone.
        policy: what settings say.
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
    builder.events += transition_events(previous, builder.conditions.listed(), tuning=workspace.tuning is not None)
    return builder.decision(previous)


def _phases(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Each phase looks at what it concerns; only one that is clear of the phases before it starts anything."""
    builder.fields["plan"] = record(facts.plan, facts.previous.plan)
    builder.fields["target_node_count"] = facts.plan.nodes.count
    clear = preflight(facts, builder)
    clear = resource(facts, builder, clear)
    clear = tuning(facts, builder, clear)
    after_tuning(facts, builder)
    serving(facts, builder, clear)
    summarise(facts, builder)
