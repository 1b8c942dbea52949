"""The report of a pass on its decision: the status, the observers of a status, and Events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decision import Decision, Event
from llmwright.targets.kubernetes.operator.pass_subject import PassSubject
from llmwright.targets.kubernetes.operator.report.event_recorder import EventRecorder
from llmwright.targets.kubernetes.operator.report.status_patch import StatusWriter

CONTESTED = Event(
    "Warning",
    "StatusContested",
    "somebody else keeps changing the status that this operator writes, which it now does ever more rarely: "
    "does another operator run without leader election?",
)

Notify = Callable[[Workspace, WorkspaceStatus | None, WorkspaceStatus], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """After how many seconds to make another pass, None where only a change matters; whether the status is on record.

    It is not where its write rests, because somebody else keeps changing it.
    """

    again_in: float | None
    recorded: bool


class Reporter:
    """Writes the status; observers and Events follow a status that was written, and no other."""

    def __init__(self, status_writer: StatusWriter, event_recorder: EventRecorder, notify: Notify) -> None:
        """``notify`` is called with the Workspace, its status before and the status that was written."""
        self._status_writer, self._event_recorder, self._notify = status_writer, event_recorder, notify

    def report(self, subject: PassSubject, decision: Decision, *, may_wait: bool = False) -> Reported:
        """Report a decision.

        A status may wait where ``may_wait``, and where the decision has no actions and no Events.

        Raises:
            ApiError: the status could not be written.
        """
        may_wait = may_wait or not (decision.actions or decision.events)
        written = self._status_writer.write(subject.live, decision.status, may_wait=may_wait)
        if written.contested:
            self._event_recorder.record(subject.live, CONTESTED, rfc3339(subject.now))
        if written.done:
            self._notify(subject.workspace, subject.workspace.status, decision.status)
            # After the status: if that write is lost, the decision is made again, and its Events with it.
            self.events(subject, decision)
        due = [seconds for seconds in (decision.again_in, written.again_in) if seconds is not None]
        return Reported(min(due, default=None), written.recorded)

    def events(self, subject: PassSubject, decision: Decision) -> None:
        """Have the Events of a decision written."""
        for event in decision.events:
            self._event_recorder.record(subject.live, event, rfc3339(subject.now))
