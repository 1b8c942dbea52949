"""What is decided: actions, the status to write, events, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.observed import Role
from llmwright.values.launch import Launch
from llmwright.values.nodes import ProvisionerAction


@dataclass(frozen=True, slots=True)
class Provision:
    """Let the provisioner carry out these."""

    actions: tuple[ProvisionerAction, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Let the provisioner carry out these, which give the nodes back."""

    actions: tuple[ProvisionerAction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Have ``launch`` run in this role; idempotent.

    Where the same digest runs already, only ``inputs`` is recorded. ``replaces`` tells that another launch is there
    and gives way: a target that can roll does so, others stop the old one first.
    """

    role: Role
    launch: Launch
    digest: str
    inputs: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """End this role's processes; idempotent, and repeated until the role is no longer active."""

    role: Role


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do: remove the finalizer, forget the Workspace."""


Action = Provision | Release | Start | Stop | Finish


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling once."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of ``decide``; ``again_in`` seconds is None where only a change of the world matters."""

    status: WorkspaceStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    again_in: float | None = None
