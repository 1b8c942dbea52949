"""Attempts to get nodes: how many failed, when the last failed, and why. A hint: without it the count starts again.

The pauses are the core's. They are kept here because Karpenter makes the machines of a NodePool again by itself, and
the core paces acts alone: without capacity that would be one every two seconds, without end. So ``replicas`` are
lowered while the circuit is open, and then one machine is tried at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from llmwright.values.machine_pauses import BREAK_AT, pause_s
from llmwright.values.nodes import FailureKind
from llmwright_provisioner_karpenter.cause import Cause
from llmwright_provisioner_karpenter.node_names import REMEMBERED, names_of

UNSEEN_S = 10.0
"""Seconds for which a requested NodeClaim may be missing from the caches before it is requested again."""

SAME_S = 10.0
"""NodeClaims that disappear within this many seconds count as one failure."""

LOST = 8
"""The most names of lost machines that are kept."""

SKEW_S = 5.0
"""By how much Karpenter's clock may be behind: an Event from before the request is of an earlier NodeClaim."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The memory of the attempts.

    ``asked`` are names that were requested and not seen yet; ``pending`` are names that were seen and are not Ready.
    ``lost`` are names of those that disappeared last, ``ended`` the uids of those of whose end an Event told, which is
    counted once: the next NodeClaim may have the same name. ``tried`` is the time of the last request, ``failed`` the
    time when a machine last disappeared.
    """

    asked: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    tried: datetime | None = None
    failed: datetime | None = None
    failures: int = 0
    cause: Cause | None = None

    def wait_s(self, now: datetime) -> float:
        """Return the seconds until machines may be requested again; 0 where that may be now."""
        if self.failed is None or self.failures == 0:
            return 0.0
        return max((self.failed + timedelta(seconds=pause_s(self.failures)) - now).total_seconds(), 0.0)

    @property
    def broken(self) -> bool:
        """Whether the circuit is open: so many attempts failed in a row that only one machine is tried at a time."""
        return self.failures >= BREAK_AT

    def tried_now(self, names: Iterable[str], now: datetime) -> Attempts:
        """Return the attempts after a request for ``names``."""
        return replace(self, asked=tuple(names)[:REMEMBERED], tried=now)

    def settling(self, now: datetime) -> bool:
        """Whether the last request is so recent that the caches may not show its result yet."""
        return self.unseen_s(now) > 0

    def unseen_s(self, now: datetime) -> float:
        """Seconds until the caches must show the result of the last request; 0 where they must by now."""
        if self.tried is None:
            return 0.0
        return max((self.tried + timedelta(seconds=UNSEEN_S) - now).total_seconds(), 0.0)


def noticed(
    before: Attempts,
    present: Mapping[str, bool],
    cause: Cause | None,
    now: datetime,
    ends: Mapping[str, Cause] | None = None,
) -> Attempts:
    """Update ``before`` with the machines that are there now.

    A machine that was seen, and disappeared before it was Ready, is a failure; so is one that disappeared before it was
    seen, where an Event tells of its end. Any other that was never seen may only be a lost answer, so it alone never
    opens the circuit.

    Args:
        present: the names of the machines that are there, and whether each is Ready.
        cause: why the first of them is not Ready.
        ends: why machines ended, by their names, where Events tell it.
    """
    if before.broken and any(present.get(name) for name in before.pending):
        # The machine that was tried is Ready: the circuit closes, and the others are asked for.
        before = replace(before, failures=0, failed=None, cause=None, lost=())
    ends = {name: end for name, end in (ends or {}).items() if end.uid not in before.ended}
    lost = [name for name in before.pending if name not in present]
    lost += [name for name in before.asked if name not in present and name in ends and name not in lost]
    overdue = not before.settling(now)
    unseen = overdue and any(name not in present for name in before.asked)
    pending = tuple(sorted(name for name, ready in present.items() if not ready))[:REMEMBERED]
    asked = () if lost or overdue else tuple(name for name in before.asked if name not in present)
    gone = [name for name in (*lost, *before.lost) if name not in present]
    told = [ends[name] for name in gone if name in ends]
    ended = (*dict.fromkeys((*(end.uid for end in told), *before.ended)),)[:LOST]
    lost_names = tuple(lost)[:LOST] or before.lost
    cause = _first(told) or cause or before.cause
    known = replace(before, asked=asked, pending=pending, lost=lost_names, ended=ended, cause=cause)
    if before.failed is not None and now < before.failed + timedelta(seconds=SAME_S):
        return known
    if lost:
        return replace(known, failures=before.failures + 1, failed=now)
    if unseen:
        return replace(known, failures=max(before.failures, min(before.failures + 1, BREAK_AT - 1)), failed=now)
    return known


def _first(causes: Sequence[Cause]) -> Cause | None:
    """Return the first cause that has a kind, else the first."""
    return next((cause for cause in causes if cause.kind), causes[0] if causes else None)


def state_of_wish(state: Mapping[str, Any], inputs: str) -> Mapping[str, Any]:
    """Return ``state`` without its failures where the user wrote something else since: that is tried at once."""
    if not inputs or state.get("inputs") in (None, inputs):
        return state
    return {key: value for key, value in state.items() if key not in ("failures", "failed", "cause", "lost")}


def recalled(state: Mapping[str, Any]) -> Attempts:
    """Read ``status.provisioner.state``. It is a hint and may be of another version, so bad values are ignored."""
    cause = state.get("cause")
    failures = state.get("failures")
    return Attempts(
        asked=names_of(state.get("asked")),
        pending=names_of(state.get("pending")),
        lost=names_of(state.get("lost")),
        ended=names_of(state.get("ended")),
        tried=moment(state.get("tried")),
        failed=moment(state.get("failed")),
        failures=failures if isinstance(failures, int) and failures > 0 else 0,
        cause=_cause(cause) if isinstance(cause, Mapping) else None,
    )


def remembered(attempts: Attempts) -> dict[str, Any]:
    """Return the attempts as JSON, without empty values."""
    cause = attempts.cause
    state: dict[str, Any] = {
        "asked": [*attempts.asked],
        "pending": [*attempts.pending],
        "lost": [*attempts.lost],
        "ended": [*attempts.ended],
        "tried": attempts.tried.isoformat() if attempts.tried else None,
        "failed": attempts.failed.isoformat() if attempts.failed else None,
        "failures": attempts.failures,
        "cause": {"kind": cause.kind, "reason": cause.reason, "message": cause.message} if cause else None,
    }
    return {key: value for key, value in state.items() if value}


def moment(value: Any) -> datetime | None:
    """Read a time with its zone from a state; None where it is none."""
    try:
        written = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return written if written.tzinfo else None


def _cause(value: Mapping[str, Any]) -> Cause:
    kind = value.get("kind")
    return Cause(kind if kind in get_args(FailureKind) else None, str(value.get("reason")), str(value.get("message")))
