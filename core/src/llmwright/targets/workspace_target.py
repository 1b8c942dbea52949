"""The place where Workspaces live, as commands ask it: this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from llmwright.api.workspace import Workspace
from llmwright.values.plan import Plan

Tell = Callable[[str], None]
"""Takes a line about what is waited for."""


@dataclass(frozen=True, slots=True)
class Child:
    """Something that a Workspace became, as an object of a cluster, with what it became in turn.

    ``state`` is a word such as ``Running``; ``message`` says why it is no better, empty where all is well.
    """

    kind: str
    name: str
    state: str
    message: str = ""
    children: tuple[Child, ...] = field(default=())


class WorkspaceTarget(Protocol):
    """The place where Workspaces live. A verb of the command line asks it alone, whichever it is.

    A method on one Workspace raises TargetError ``NotFound`` where there is none.
    """

    @property
    def place(self) -> str:
        """Its name for people: a command that changes something names it first."""

    @property
    def namespace(self) -> str:
        """The namespace that is meant where none is named."""

    def repair(self) -> tuple[tuple[str, str], ...]:
        """Mend what a crash left behind; return namespace and name of the Workspaces that were taken up again."""

    def get(self, namespace: str, name: str) -> Workspace:
        """Return the Workspace with its status."""

    def list(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate over the Workspaces with these labels of one namespace or of all, by namespace and name."""

    def names(self, namespace: str | None = None, selector: str = "") -> Iterator[tuple[str, str]]:
        """Iterate over namespace and name of these Workspaces, damaged ones too."""

    def watch(self, namespace: str, name: str, timeout_s: float | None = None) -> Iterator[Workspace]:
        """Iterate over the Workspace now and after each change of its status, until it is deleted.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """

    def wait(self, namespace: str, name: str, condition: str, timeout_s: float | None = None) -> None:
        """Return once ``condition`` (``Ready``, ``Ready=False``) holds, or with ``delete`` once it is gone.

        Raises:
            NotYet: not within ``timeout_s``.
            TargetError, ConfigError: it is stalled, with the root cause.
        """

    def changes(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate without end over the Workspaces with these labels as they are, and after each change."""

    def logs(
        self,
        namespace: str,
        name: str,
        *,
        following: bool = False,
        stage: str | None = None,
        previous: bool = False,
    ) -> Iterator[str]:
        """Iterate over the lines that its processes wrote, with ``following`` also those still to come.

        ``stage`` chooses a role (``tuning``), a process (``fetch``) or both (``tuning.fetch``); ``previous`` the runs
        before the present ones.
        """

    def recorded_plan(self, namespace: str, name: str) -> Plan | None:
        """Return the whole plan that is being carried out; None where only its record in the status is kept."""

    def events(self, namespace: str, name: str) -> Iterator[str]:
        """Iterate over what happened to it, the oldest first."""

    def children(self, namespace: str, name: str) -> tuple[Child, ...]:
        """Return what it became."""

    def delete(
        self,
        namespace: str,
        name: str,
        *,
        wait: bool = True,
        timeout_s: float | None = None,
        force: bool = False,
        tell: Tell = lambda _: None,
    ) -> None:
        """End it and give its machines back; with ``force`` at once, and what is held for it is left behind.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """

    def stop(self, namespace: str, name: str) -> str:
        """End what runs of it and keep everything else; return ``configured``, or ``unchanged`` where nothing ran."""

    def start(self, namespace: str, name: str) -> str:
        """Have it run again as before it was stopped; return ``configured``, or ``unchanged`` where it runs."""

    def restart(self, namespace: str, name: str) -> str:
        """Have what serves started anew; return ``configured``."""
