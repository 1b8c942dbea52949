"""The result of ``decide``: actions, the status to write, events, and when to decide again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.observed import Role
from llmwright.values.launch import Launch
from llmwright.values.nodes import ProvisionerAction


@dataclass(frozen=True, slots=True)
class Provision:
    """Have the provisioner carry out ``actions``."""

    actions: tuple[ProvisionerAction, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Have the provisioner carry out ``actions``, which give the nodes back."""

    actions: tuple[ProvisionerAction, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Have the provisioner's objects read past all caches, so that the next decision knows what is really left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Run ``launch`` in this role; idempotent.

    Where the same digest runs already, the target only records ``inputs``. ``replaces`` is True where another launch
    runs: a target that can roll does so, others stop the old launch first.
    """

    role: Role
    launch: Launch
    digest: str
    inputs: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Have the server run as ``replicas`` pods, and change nothing else of it; idempotent."""

    replicas: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the processes of this role; idempotent, and decided again until the role is no longer active."""

    role: Role


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do: remove the finalizer and forget the Workspace.

    ``unreleased`` tells which nodes were bought for it and could not be given back; empty where there are none. On one
    machine, where no sweep looks for them later, the Workspace then stays, and another ``delete`` tries again.
    """

    unreleased: str = ""


Action = Provision | Release | Look | Start | Scale | Stop | Finish


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event; on one machine a line of the log."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The result of ``decide``. ``again_in`` is in seconds, None where only a change calls for another decision."""

    status: WorkspaceStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    again_in: float | None = None
