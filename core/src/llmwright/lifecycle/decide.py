"""The one decision for every target."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.after_tuning import after_tuning
from llmwright.lifecycle.announce import announce
from llmwright.lifecycle.conditions import Conditions
from llmwright.lifecycle.decision import Decision
from llmwright.lifecycle.deleting import deleting
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.lifecycle.policy import Policy
from llmwright.lifecycle.preflight import preflight
from llmwright.lifecycle.resource import resource
from llmwright.lifecycle.serving import serving
from llmwright.lifecycle.summary import record, summarise, unplanned
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
    draft = Draft(conditions=Conditions(previous.conditions, now, workspace.metadata.generation), fields={})
    if observed.deleting:
        since = now - observed.failed_at if observed.failed_at else timedelta.max
        deleting(workspace, observed, previous, draft, policy, since)
        return draft.decision(previous)
    draft.fields["observed_generation"] = workspace.metadata.generation
    draft.conditions.drop("WorkspaceDeleting")
    if plan is None or observed.plan_trouble is not None:
        waits = observed.plan_waits or observed.plan_trouble is None
        unplanned(workspace, draft, observed.plan_trouble or NO_PLAN, previous, waits=waits)
    else:
        _phases(
            Situation(workspace=workspace, plan=plan, observed=observed, previous=previous, now=now, policy=policy),
            draft,
        )
    draft.events += announce(previous, draft.conditions.listed(), tuning=workspace.tuning is not None)
    return draft.decision(previous)


def _phases(situation: Situation, draft: Draft) -> None:
    """Each phase looks at what it concerns; only one that is clear of the phases before it starts anything."""
    draft.fields["plan"] = record(situation.plan, situation.previous.plan)
    draft.fields["target_node_count"] = situation.plan.nodes.count
    clear = preflight(situation, draft)
    clear = resource(situation, draft, clear)
    clear = tuning(situation, draft, clear)
    after_tuning(situation, draft)
    serving(situation, draft, clear)
    summarise(situation, draft)
