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

NOT_RELEASED = "NotReleased"
"""The reason of what is told where nodes were not given back."""


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
    _tell(builder, "workspace is being deleted")
    active = [role for role, workload in observed.workloads() if workload.active]
    # Processes before nodes, and a pass between: nodes that go first would take running work with them.
    if active:
        _tell(builder, "waits until its processes end")
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
    if observed.provisioner_trouble is not None:
        why = observed.provisioner_trouble.message
        _tell(builder, f"waits until {_nodes(workspace, previous)} are given back: {why}")
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
    text = f"{_nodes(workspace, previous)} could not be released: {message}"
    builder.events.append(Event("Warning", NOT_RELEASED, text))
    record = previous.provisioner
    bought = previous.worker_nodes or (record is not None and (record.state or record.attempts is not None))
    if bought:
        _tell(builder, text, NOT_RELEASED)
    builder.actions.append(Finish(unreleased=text if bought else ""))


def _tell(builder: DecisionBuilder, message: str, reason: str = "workspaceDeleted") -> None:
    builder.conditions.set("WorkspaceDeleting", True, reason, message)


def _nodes(workspace: Workspace, previous: WorkspaceStatus) -> str:
    """Return the nodes in words, with their names; before they were ready with what the provisioner was asked for."""
    attempts = previous.provisioner.attempts if previous.provisioner is not None else None
    names = previous.worker_nodes or (attempts.asked if attempts is not None else [])
    return f"nodes of {workspace.namespace}/{workspace.name}" + (f" ({', '.join(names)})" if names else "")
