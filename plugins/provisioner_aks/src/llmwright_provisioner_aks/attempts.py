"""The memory between two passes: what was asked for, and the failures since. A hint: without it the count restarts.

The core paces machines that are lost (``lifecycle/losses.py``). Operations of Azure's that fail are counted here too,
because the core's count does not fit them:

* its pauses begin with the purchase and are shorter than an operation, so its first ones are over before they begin;
* where a failed pool still goes, the next one has another name, which the core takes for the same attempt;
* it is silent on the kind of failure while it rests, and by that kind another instance type is tried.

Ours are never shorter than the core's after as many failures: so the time in the status is true. All that the core may
put off is the deletion of a failed pool, which has no machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from llmwright.values.backoff import Backoff
from llmwright.values.nodes import FailureKind
from llmwright_provisioner_aks.refusals import Refusal

PAUSES = Backoff(first_s=60.0, most_s=1800.0)
"""Rests after failures in a row. An operation takes minutes by itself, and capacity comes back within hours."""

SETTLE_S = 60.0
"""Seconds for which Azure's list may not yet show a pool that was asked for."""

JOIN_S = 900.0
"""Seconds for a machine to become a node, as gpu-provisioner's registration has; longer ones never do."""

MEND_S = 120.0
"""Seconds for which nodes may be missing before AKS is asked to reconcile the pool."""

OPERATION = "operation"
"""Key of the state: the address that tells of the operation under way."""

ENDED = "ended"
"""Key of the state: how that operation ended."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """``asked`` is when a pool was asked for, ``missing`` since when machines of a pool have not joined.

    ``counted`` is the pool whose failure was counted last; ``failed`` its time, ``cause`` its reason. ``mended`` says
    that AKS was asked to reconcile the pool since nodes are missing.
    """

    asked: datetime | None = None
    missing: datetime | None = None
    failed: datetime | None = None
    failures: int = 0
    counted: str = ""
    mended: bool = False
    cause: Refusal | None = None
    operation: str = ""
    ended: Mapping[str, str] | None = None

    def settling_s(self, now: datetime) -> float:
        """Seconds until Azure's list must show what was asked for; 0 where it must by now."""
        return _rest_s(self.asked, SETTLE_S, now)

    def is_settled(self, listed: datetime | None) -> bool:
        """Whether a list of that time must show what was asked for."""
        return listed is None or self.settling_s(listed) == 0

    def wait_s(self, now: datetime) -> float:
        """Seconds until a pool may be asked for again; 0 where that may be now."""
        return _rest_s(self.failed, PAUSES.pause_s(self.failures), now)

    def join_s(self, now: datetime) -> float:
        """Seconds for which machines that have not joined may still do so."""
        return _rest_s(self.missing or now, JOIN_S, now)

    def mend_s(self, now: datetime) -> float:
        """Seconds until AKS is asked to reconcile a pool whose nodes are missing."""
        return _rest_s(self.missing or now, MEND_S, now)

    def asked_now(self, now: datetime) -> Attempts:
        """Return the attempts after a pool was asked for."""
        return replace(self, asked=now, counted="", operation="", ended=None, missing=None, mended=False)

    def failed_now(self, pool: str, cause: Refusal, now: datetime) -> Attempts:
        """Return the attempts after a failure, which counts once for each pool that was asked for."""
        if self.counted == pool:
            return self
        counted = replace(self, failures=self.failures + 1, failed=now, counted=pool, cause=cause)
        # What was asked for came, and failed: its operation has nothing more to tell.
        return replace(counted, asked=None, operation="", missing=None, mended=False)


def recalled(state: Mapping[str, Any], inputs: str) -> Attempts:
    """Read the state. After another wish of the user's, failures from before do not count."""
    attempts = Attempts(
        asked=_moment(state.get("asked")),
        missing=_moment(state.get("missing")),
        operation=_text(state.get(OPERATION)),
        ended=_texts(state.get(ENDED)),
        counted=_text(state.get("counted")),
        mended=state.get("mended") is True,
    )
    if inputs and state.get("inputs") != inputs:
        return attempts
    failures = state.get("failures")
    return replace(
        attempts,
        failed=_moment(state.get("failed")),
        failures=failures if isinstance(failures, int) and 0 <= failures < 10**6 else 0,
        cause=_cause(state.get("cause")),
    )


def remembered(attempts: Attempts, inputs: str) -> dict[str, Any]:
    """Return the state to keep, as JSON of less than 4 KiB."""
    cause = attempts.cause
    state = {
        "asked": attempts.asked.isoformat() if attempts.asked else None,
        "missing": attempts.missing.isoformat() if attempts.missing else None,
        "failed": attempts.failed.isoformat() if attempts.failed else None,
        "failures": attempts.failures,
        "counted": attempts.counted,
        "mended": attempts.mended,
        "cause": [cause.kind or "", cause.reason, cause.message, cause.hint] if cause else None,
        OPERATION: attempts.operation,
        ENDED: dict(attempts.ended) if attempts.ended else None,
        "inputs": inputs,
    }
    return {key: value for key, value in state.items() if value}


def _rest_s(since: datetime | None, seconds: float, now: datetime) -> float:
    if since is None:
        return 0.0
    return max((since + timedelta(seconds=seconds) - now).total_seconds(), 0.0)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Mapping[str, str] | None:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, Mapping) else None


def _cause(value: Any) -> Refusal | None:
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(part, str) for part in value):
        return None
    kind, reason, message, hint = value
    known: FailureKind | None = next((each for each in get_args(FailureKind) if each == kind), None)
    return Refusal(known, reason, message, hint)
