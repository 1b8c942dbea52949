"""Reading a status for a command that waits: does a condition hold, or is the Workspace stalled."""

from __future__ import annotations

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError, TargetError
from llmwright.values.weight_reasons import CAUSES, OTHERS_FAULTS

USERS_MISTAKES = frozenset({"InvalidInput", *(CAUSES - OTHERS_FAULTS)})
"""Reasons that the user can repair. They end a command with 2, as a mistake in the YAML does."""


def present_status(workspace: Workspace) -> WorkspaceStatus | None:
    """Return the status, None where it is from before the latest change of the Workspace."""
    status = workspace.status
    return status if status and status.observed_generation == workspace.metadata.generation else None


def holds(status: WorkspaceStatus, condition: str, name: str) -> bool:
    """Whether ``condition`` (``Ready``, ``Ready=False``) of the Workspace ``name`` holds.

    Raises:
        ConfigError, TargetError: it does not hold, and the Workspace is stalled.
    """
    kind, _, wanted = condition.partition("=")
    current = status.condition(kind)
    if current is not None and current.status == (wanted.capitalize() or "True"):
        return True
    raise_if_stalled(status, f"{name}: ")
    return False


def is_settled(status: WorkspaceStatus) -> bool:
    """Whether the Workspace answers, or is tuned and has given its machine back: nothing more will happen."""
    ready, tuned = status.condition("WorkspaceReady"), status.condition("WorkspaceSucceeded")
    if ready is not None and ready.status == "True":
        return True
    return is_released(status) and tuned is not None and tuned.status == "True"


def is_released(status: WorkspaceStatus) -> bool:
    """Whether its tuning is done, and its machines are given back."""
    resource = status.condition("ResourceReady")
    return resource is not None and resource.reason == "Released"


def raise_if_stalled(status: WorkspaceStatus, prefix: str = "") -> None:
    """Raise the root cause of a Workspace that cannot go on by itself.

    Raises:
        ConfigError: the user's input cannot be used.
        TargetError: anything else.
    """
    stalled = status.condition("Stalled")
    if stalled is not None and stalled.status == "True":
        kind = ConfigError if stalled.reason in USERS_MISTAKES else TargetError
        raise kind(prefix + stalled.message, reason=stalled.reason)
