"""Deleting: end the processes, give the nodes back, forget the Workspace. It always comes to an end."""

from __future__ import annotations

from datetime import timedelta

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.decision import Event, Finish, Look, Release, Stop
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.observed import Observed
from llmwright.lifecycle.policy import Policy
from llmwright.values.nodes import Failed, ProvisionerDecision, Ready


def deleting(
    workspace: Workspace,
    observed: Observed,
    previous: WorkspaceStatus,
    builder: DecisionBuilder,
    policy: Policy,
    since_failure: timedelta,
) -> None:
    """Stop what runs, then release, then finish; the rest of the status stays as it is.

    ``since_failure`` is the time since the last refused release; ``previous`` names the nodes that were held.
    """
    builder.conditions.set("WorkspaceDeleting", True, "workspaceDeleted", "workspace is being deleted")
    active = [role for role, workload in observed.workloads() if workload.active]
    # Processes before nodes, and a pass between: nodes that go first would take running work with them.
    if active:
        builder.actions += [Stop(role) for role in active]
        return
    if observed.acting:
        # A machine that is being bought is not seen yet. If the Workspace went now, nobody would give it back.
        return
    if 0 < observed.driver_faults < policy.fault_attempts:
        # Once more, for machines cost money: a method that broke may only have met a cache between two states.
        builder.wake(max(policy.backoff.pause_s(observed.driver_faults) - since_failure.total_seconds(), 1.0))
    elif observed.provisioner_trouble is not None and observed.release is None:
        _abandon(workspace, previous, builder, observed.provisioner_trouble.message)
    elif observed.release is None or (isinstance(observed.release.outcome, Ready) and not observed.look_due):
        builder.actions.append(Finish())
    else:
        _release(workspace, observed, previous, builder, policy, since_failure, observed.release)


def _release(
    workspace: Workspace,
    observed: Observed,
    previous: WorkspaceStatus,
    builder: DecisionBuilder,
    policy: Policy,
    since_failure: timedelta,
    decision: ProvisionerDecision,
) -> None:
    failed = decision.outcome if isinstance(decision.outcome, Failed) else None
    hopeless = failed is not None and failed.kind != "transient"
    if hopeless or observed.attempts >= policy.release_attempts:
        trouble = observed.provisioner_trouble
        message = failed.message if failed else trouble.message if trouble else "refused repeatedly"
        _abandon(workspace, previous, builder, message)
        return
    rest = policy.backoff.pause_s(observed.attempts) - since_failure.total_seconds()
    if rest > 0:
        builder.wake(rest)
        return
    if isinstance(decision.outcome, Ready):
        # A look before the end: caches that lag do not show what was bought last, and afterwards nobody gives it back.
        builder.actions.append(Look())
        return
    if decision.actions:
        builder.actions.append(Release(decision.actions))
    again = getattr(decision.outcome, "again_in", None)
    if failed is not None or again is not None:
        builder.wake(again if again is not None else policy.backoff.pause_s(observed.attempts + 1))


def _abandon(workspace: Workspace, previous: WorkspaceStatus, builder: DecisionBuilder, message: str) -> None:
    """Finish although the nodes were not released, and name them: a Workspace must not be undeletable."""
    held = f" ({', '.join(previous.worker_nodes)})" if previous.worker_nodes else ""
    text = f"nodes of {workspace.namespace}/{workspace.name}{held} could not be released: {message}"
    builder.events.append(Event("Warning", "NotReleased", text))
    builder.actions.append(Finish())
