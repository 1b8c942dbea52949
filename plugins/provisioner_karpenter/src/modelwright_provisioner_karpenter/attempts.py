"""What is remembered about asking in vain: how often, when last and why. A hint: losing it only forgets patience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from modelwright.values.nodes import FailureKind
from modelwright_provisioner_karpenter.cause import Cause

FIRST_S = 15.0
MOST_S = 900.0
BREAK_AT = 5
REST_S = 3600.0
"""After ``BREAK_AT`` failures in a row the next attempt waits ``REST_S``, and so does each one after it."""

UNSEEN_S = 30.0
"""How long a NodeClaim that was asked for may be missing from the caches before it counts as gone."""

SAME_S = 10.0
"""NodeClaims that go within this time of each other failed together."""

REMEMBERED = 32
"""Names that are kept; the state may not grow past 4 KiB."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried.

    ``asked`` are the names that we asked for and that are not Ready; ``pending`` those that a NodePool asked for.
    ``tried`` and ``failed`` are when machines were last asked for, and last went away again.
    """

    asked: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    tried: datetime | None = None
    failed: datetime | None = None
    failures: int = 0
    cause: Cause | None = None

    def wait_s(self, now: datetime) -> float:
        """Seconds until machines may be asked for again; 0 where they may be now."""
        if self.failed is None or self.failures == 0:
            return 0.0
        pause = REST_S if self.broken else min(FIRST_S * 2 ** (self.failures - 1), MOST_S)
        return max((self.failed + timedelta(seconds=pause) - now).total_seconds(), 0.0)

    @property
    def broken(self) -> bool:
        """Whether so many attempts failed that the next is far off."""
        return self.failures >= BREAK_AT

    def tried_now(self, names: Iterable[str], now: datetime) -> Attempts:
        """After asking for ``names``."""
        return replace(self, asked=tuple(names)[:REMEMBERED], tried=now)

    def just_asked(self, name: str, now: datetime, patience_s: float) -> bool:
        """Whether ``name`` was asked for so recently that the caches need not know it yet."""
        return name in self.asked and self.tried is not None and now < self.tried + timedelta(seconds=patience_s)


def noticed(
    before: Attempts, present: Mapping[str, bool], cause: Cause | None, now: datetime, *, pooled: bool = False
) -> Attempts:
    """``before`` with what became of the machines since.

    Args:
        present: the names that are there, and whether each is Ready.
        cause: why the first of them is not Ready.
        pooled: a NodePool chooses the names; else we do, and know them before they are there.
    """
    lost = {name for name in before.pending if name not in present}
    if before.tried is not None and before.tried + timedelta(seconds=UNSEEN_S) <= now:
        lost |= {name for name in before.asked if name not in present}
    open_ = tuple(sorted(name for name, ready in present.items() if not ready))[:REMEMBERED]
    asked = tuple(name for name in before.asked if name not in lost and not present.get(name))
    known = replace(before, asked=asked, pending=open_ if pooled else (), cause=cause or before.cause)
    if not lost or (before.failed is not None and now < before.failed + timedelta(seconds=SAME_S)):
        return known
    return replace(known, failures=before.failures + 1, failed=now)


def recalled(state: Mapping[str, Any]) -> Attempts:
    """From ``status.provisioner.state``, whatever that holds: it is a hint, and may be of another version."""
    cause = state.get("cause")
    failures = state.get("failures")
    return Attempts(
        asked=_names(state.get("asked")),
        pending=_names(state.get("pending")),
        tried=_time(state.get("tried")),
        failed=_time(state.get("failed")),
        failures=failures if isinstance(failures, int) and failures > 0 else 0,
        cause=_cause(cause) if isinstance(cause, Mapping) else None,
    )


def remembered(attempts: Attempts) -> dict[str, Any]:
    """As JSON, without what is empty."""
    cause = attempts.cause
    state: dict[str, Any] = {
        "asked": [*attempts.asked],
        "pending": [*attempts.pending],
        "tried": attempts.tried.isoformat() if attempts.tried else None,
        "failed": attempts.failed.isoformat() if attempts.failed else None,
        "failures": attempts.failures,
        "cause": {"kind": cause.kind, "reason": cause.reason, "message": cause.message} if cause else None,
    }
    return {key: value for key, value in state.items() if value}


def _names(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str))[:REMEMBERED] if isinstance(value, list) else ()


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def _cause(value: Mapping[str, Any]) -> Cause:
    kind = value.get("kind")
    return Cause(kind if kind in get_args(FailureKind) else None, str(value.get("reason")), str(value.get("message")))
