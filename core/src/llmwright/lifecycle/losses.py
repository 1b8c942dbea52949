"""Machines that are lost again and again: pauses between purchases, and a circuit that opens, for every provisioner.

What was asked for is kept in the status. A machine counts as lost where its provisioner acts again for the same wish of
the user: after its nodes were ready, or with an act that it has done before, unless it rests between attempts by itself
(``ProvisionerDecision.paced``). The pause counts from the last purchase,
so that a machine which lived for a while is replaced at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmwright.api.status import AttemptsStatus
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.node_conditions import REASONS
from llmwright.lifecycle.observed import Trouble
from llmwright.values.machine_pauses import BREAK_AT, pause_s
from llmwright.values.nodes import Failed, ProvisionerAction, ProvisionerDecision, Ready, Waiting

STEADY_S = 600.0
"""Machines that were ready for so long are no failed attempt: the count begins anew."""

MOST_ASKED = 64
MOST_NAMES = 4
"""Acts of one verb for each machine, before it is ready: more are replacements under other names."""

CAUSE_CHARACTERS = 300
CIRCUIT_OPEN = "CircuitOpen"
BACKING_OFF = "BackingOff"


@dataclass(frozen=True, slots=True)
class Pacing:
    """The attempts to keep in the status, and for how many seconds no purchase is made, with the reason.

    ``under_way`` is why the attempt before this one failed, where only somebody else can mend that.
    """

    attempts: AttemptsStatus | None = None
    rest_s: float = 0.0
    trouble: Trouble | None = None
    under_way: Trouble | None = None


def paced(
    before: AttemptsStatus | None, inputs: str, count: int, decision: ProvisionerDecision, now: datetime
) -> Pacing:
    """Return the attempts after ``decision``, and whether its acts are due.

    Args:
        before: the attempts on record.
        inputs: the digest of the user's wish; another one is tried at once.
        count: the number of machines that is asked for; as ``inputs``.
    """
    known = before if before is not None and (before.inputs, before.count) == (inputs, count) else None
    known = _with_reason(known or AttemptsStatus(inputs=inputs, count=count), decision)
    if isinstance(decision.outcome, Ready):
        return Pacing(_ready(known, now)) if known.asked or known.losses else Pacing()
    if not decision.actions:
        kept = known.model_copy(update={"seen": True}) if known.asked else _kept(known)
        return Pacing(kept, under_way=_under_way(known, decision))
    labels = [_label(action) for action in decision.actions]
    if known.ready_at or (not decision.paced and _is_done_again(known, labels, count)):
        known = _lost(known, decision, now)
    # Only before the first act of an attempt: it may take several, one after the other.
    rest_s = 0.0 if known.asked else _rest_s(known, now)
    if rest_s > 0:
        return Pacing(known, rest_s, _trouble(known, now, rest_s))
    asked = [*dict.fromkeys((*known.asked, *labels))][-MOST_ASKED:]
    asking = known.model_copy(update={"asked": asked, "asked_at": rfc3339(now), "seen": False})
    return Pacing(asking, under_way=_under_way(known, decision))


def _with_reason(known: AttemptsStatus, decision: ProvisionerDecision) -> AttemptsStatus:
    """Return ``known`` with the reason of a failure that another attempt may not mend: nobody tells it once more."""
    outcome = decision.outcome
    if not isinstance(outcome, Failed) or outcome.kind == "transient" or decision.paced:
        return known
    reason = outcome.reason or REASONS[outcome.kind]
    return known.model_copy(update={"reason": reason, "cause": f"{reason}: {outcome.message}"[:CAUSE_CHARACTERS]})


def _under_way(known: AttemptsStatus, decision: ProvisionerDecision) -> Trouble | None:
    """Return the failure before the attempt that goes on: else the status changes, and nothing is better."""
    outcome = decision.outcome
    if not known.losses or not known.reason or not isinstance(outcome, Waiting):
        return None
    text = f"attempt {known.losses + 1} is under way ({outcome.message}), the one before failed with {known.cause}"
    return Trouble(CIRCUIT_OPEN if known.losses >= BREAK_AT else known.reason, text)


def _kept(known: AttemptsStatus) -> AttemptsStatus | None:
    return known if known.losses else None


def _ready(known: AttemptsStatus, now: datetime) -> AttemptsStatus:
    ready = {"seen": True, "ready_at": rfc3339(now), "reason": ""}
    return known if known.ready_at else known.model_copy(update=ready)


def _is_done_again(known: AttemptsStatus, labels: Iterable[str], count: int) -> bool:
    """Whether these acts replace what was there. An act that was never seen to bear fruit may only be done again."""
    if not known.seen:
        return False
    verbs = [label.partition(" ")[0] for label in {*known.asked, *labels}]
    many = any(verbs.count(verb) > MOST_NAMES * max(count, 1) for verb in verbs)
    return many or any(label in known.asked for label in labels)


def _lost(known: AttemptsStatus, decision: ProvisionerDecision, now: datetime) -> AttemptsStatus:
    ready = moment_of(known.ready_at)
    steady = ready is not None and now - ready >= timedelta(seconds=STEADY_S)
    outcome = decision.outcome
    cause = "" if isinstance(outcome, Ready) else f"{outcome.reason}: {outcome.message}".removeprefix(": ")
    cause = known.cause if known.reason else cause
    update = {"losses": (0 if steady else known.losses) + 1, "cause": cause[:CAUSE_CHARACTERS]}
    return known.model_copy(update={**update, "asked": [], "seen": False, "ready_at": None})


def _rest_s(known: AttemptsStatus, now: datetime) -> float:
    asked = moment_of(known.asked_at)
    if not known.losses or asked is None:
        return 0.0
    return max((asked + timedelta(seconds=pause_s(known.losses)) - now).total_seconds(), 0.0)


def _trouble(known: AttemptsStatus, now: datetime, rest_s: float) -> Trouble:
    times = "once" if known.losses == 1 else f"{known.losses} times in a row"
    due = rfc3339(now + timedelta(seconds=rest_s))
    text = f"machines were lost {times}, the last time with {known.cause or 'no cause told'}; next attempt at {due}"
    return Trouble(CIRCUIT_OPEN if known.losses >= BREAK_AT else known.reason or BACKING_OFF, text)


def _label(action: ProvisionerAction) -> str:
    return f"{action.verb} {action.name}"


def moment_of(text: str | None) -> datetime | None:
    """Read a time from the status, which anybody may have written."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None
