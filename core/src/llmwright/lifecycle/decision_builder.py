"""The decision while the phases build it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.conditions import Conditions
from llmwright.lifecycle.decision import Action, Decision, Event, Start
from llmwright.lifecycle.observed import Role, Trouble
from llmwright.values.launch import Launch


@dataclass(slots=True, kw_only=True)
class DecisionBuilder:
    """Collects conditions, fields of the status and actions from the phases, in their order.

    ``stalled`` is the reason why nothing goes on without the user. ``waiting`` is the first thing that is still
    missing, ``ending`` what is left over although all that is asked for is there. ``superseded`` are the roles whose
    running launch differs from the plan although the user changed nothing. ``expected`` are reasons of what comes by
    itself, so that nobody has to be warned of them.
    """

    conditions: Conditions
    fields: dict[str, Any]
    actions: list[Action] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    stalled: Trouble | None = None
    waiting: Trouble | None = None
    ending: Trouble | None = None
    superseded: list[Role] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    again_in: float | None = None

    def wake(self, seconds: float) -> None:
        """Decide again after at most ``seconds``; the earliest wish counts."""
        self.again_in = seconds if self.again_in is None else min(self.again_in, seconds)

    def wait(self, reason: str, message: str) -> None:
        """Note the thing that is missing; the first note counts, because it is the root cause."""
        self.waiting = self.waiting or Trouble(reason, message)

    def end(self, reason: str, message: str) -> None:
        """Note what is not asked for any more and is not gone yet; the first note counts."""
        self.ending = self.ending or Trouble(reason, message)

    def stall(self, reason: str, message: str) -> None:
        """Note a trouble that only the user can repair; the first note counts."""
        self.stalled = self.stalled or Trouble(reason, message)

    def start(self, role: Role, launch: Launch, inputs: str, *, replaces: bool = False) -> None:
        """Add the start of ``launch``."""
        self.actions.append(
            Start(role=role, launch=launch, digest=launch.digest, inputs=inputs, replaces=replaces),
        )

    def decision(self, previous: WorkspaceStatus) -> Decision:
        """Return the finished decision. Fields of the status that no phase set stay as they were."""
        status = previous.model_copy(update={**self.fields, "conditions": self.conditions.listed()})
        return Decision(status=status, actions=tuple(self.actions), events=tuple(self.events), again_in=self.again_in)
