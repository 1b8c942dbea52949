"""Observe the Workspace on this machine, for the lifecycle to decide."""

from __future__ import annotations

from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.supervisor.roles import RoleRunners
from llmwright.values.plan import Plan


def observe(
    applied: AppliedWorkspace, plan: Plan | None, plan_trouble: Trouble | None, roles: RoleRunners,
    context: LaunchContext,
) -> Observed:  # fmt: skip
    """Return the Workspace's state without its provisioner's part; ``plan_trouble`` is why there is no ``plan``."""
    workloads = roles.workloads(context)
    return Observed(
        deleting=applied.deleting,
        preflight=workloads.get("preflight", Workload()),
        tuning=workloads.get("tuning", Workload()),
        serving=workloads.get("serving", Workload()),
        output=_output(applied, plan, context),
        plan_trouble=plan_trouble,
        keeps_finished=True,
        newer_plan=applied.newer_plan,
    )


def _output(applied: AppliedWorkspace, plan: Plan | None, context: LaunchContext) -> str | None:
    """Return the image or the directory that the tuning's result goes to."""
    tuning = applied.parsed().tuning
    if tuning is None or plan is None or plan.tuning is None:
        return None
    if tuning.output is not None and tuning.output.image:
        return tuning.output.image
    return str(context.volumes.results(plan.tuning))
