"""Writes that somebody else undoes, such as a second operator without leader election: noticed, and spaced; pure."""

from __future__ import annotations

from llmwright.targets.kubernetes.operator.memory import Contest
from llmwright.values.backoff import Backoff

UNREMARKABLE = 3
"""So often something of ours may be changed by others, as by somebody with kubectl, before we rest."""
QUIET_S = 900.0
"""After so long without such a change, nothing is counted any more. It is more than the longest rest."""
PAUSES = Backoff(first_s=1.0, most_s=300.0)


def changed_by_another(contest: Contest, now: float) -> Contest:
    """Return ``contest`` with one more change by somebody else, noticed ``now`` (monotonic clock)."""
    changes = 1 if now - contest.last > QUIET_S else contest.changes + 1
    return Contest(changes, now, now + PAUSES.pause_s(changes - UNREMARKABLE))


def begins(contest: Contest) -> bool:
    """Return whether this very change is the first after which we rest: the one to tell of."""
    return contest.changes == UNREMARKABLE + 1


def rest_s(contest: Contest, now: float) -> float:
    """Return for how many seconds not to write."""
    return max(contest.until - now, 0.0)
