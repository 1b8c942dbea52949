"""What a status says to those who wait."""

from __future__ import annotations

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import ConfigError, TargetError

USERS_MISTAKES = frozenset({"InvalidInput"})
"""Reasons that only the user can mend; as a mistake in the YAML does, they end a command with 2."""


def holds(status: WorkspaceStatus, condition: str, name: str) -> bool:
    """Whether ``condition`` (``Ready``, ``Ready=False``) of the Workspace ``name`` holds.

    Raises:
        ConfigError, TargetError: it does not, and the Workspace is stalled.
    """
    kind, _, wanted = condition.partition("=")
    stands = status.condition(kind)
    if stands is not None and stands.status == (wanted.capitalize() or "True"):
        return True
    raise_if_stalled(status, f"{name}: ")
    return False


def raise_if_stalled(status: WorkspaceStatus, prefix: str = "") -> None:
    """Raise the root cause of a Workspace that will not come along by itself.

    Raises:
        ConfigError: what the user gave cannot be used.
        TargetError: anything else.
    """
    stalled = status.condition("Stalled")
    if stalled is not None and stalled.status == "True":
        kind = ConfigError if stalled.reason in USERS_MISTAKES else TargetError
        raise kind(prefix + stalled.message, reason=stalled.reason)
