"""From records to figures: percentiles, rates, failures by kind. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from llmwright.app.benchmark.record import Record

Counted = Literal["usage", "pieces", "unknown"]


@dataclass(slots=True)
class LevelRecords:
    """The records of one level of the ladder, as they come in.

    ``began`` and ``ended`` are the times between which it was measured; ``failed`` counts its failures, and
    ``unfinished`` the requests that an interruption cut off. ``gave_up``: it ended early, since only failures came.
    """

    concurrency: int
    records: list[Record] = field(default_factory=list)
    began: float | None = None
    ended: float | None = None
    failed: int = 0
    unfinished: int = 0
    gave_up: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are spread. Percentiles are interpolated between the two nearest values."""

    count: int
    mean: float
    low: float
    p50: float
    p95: float
    p99: float
    high: float


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Failures of one kind, with the words of the first."""

    kind: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class LevelResult:
    """The figures of one level. Only requests with a whole answer count, but in ``failed`` and ``failures``.

    Times are in milliseconds and ``seconds`` is the span of the measurement. ``counted`` says where the tokens of the
    answers come from: the server's ``usage``, the pieces of its streams, or nowhere. A figure is None where nothing
    gives it.

    * ``ttft_ms``: time to first token, from sending a request to the first piece of its answer.
    * ``tpot_ms``: time per output token: from the first piece to the answer's end, for each token after the first.
    * ``itl_ms``: inter-token latency: from each piece to the next, of all answers.
    * ``latency_ms``: from sending a request to the end of its answer.
    * ``input_tokens``, ``output_tokens``: the true lengths.
    """

    concurrency: int
    seconds: float
    succeeded: int
    failed: int
    unfinished: int
    gave_up: bool
    requests_per_s: float
    input_tokens_per_s: float | None
    output_tokens_per_s: float | None
    counted: Counted
    ttft_ms: Spread | None
    tpot_ms: Spread | None
    itl_ms: Spread | None
    latency_ms: Spread | None
    input_tokens: Spread | None
    output_tokens: Spread | None
    too_long: int
    too_short: int
    failures: tuple[FailureCount, ...]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 1) of ``ordered`` lies, interpolated between its two neighbours."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def spread_of(values: Iterable[float]) -> Spread | None:
    """Return how ``values`` are spread, None for no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    return Spread(len(ordered), math.fsum(ordered) / len(ordered), ordered[0], p50, p95, p99, ordered[-1])


def level_result(level: LevelRecords) -> LevelResult:
    """Return the figures of ``level``."""
    whole = [record for record in level.records if record.failure is None]
    seconds = _seconds(level)
    return LevelResult(
        concurrency=level.concurrency,
        seconds=seconds,
        succeeded=len(whole),
        failed=len(level.records) - len(whole),
        unfinished=level.unfinished,
        gave_up=level.gave_up,
        requests_per_s=_rate(len(whole), seconds),
        input_tokens_per_s=_token_rate([record.input_tokens for record in whole], seconds),
        output_tokens_per_s=_token_rate([record.answer_tokens for record in whole], seconds),
        counted=_counted(whole),
        ttft_ms=_milliseconds(record.first_token_s for record in whole),
        tpot_ms=_milliseconds(record.per_token_s for record in whole),
        itl_ms=_milliseconds(later - earlier for record in whole for earlier, later in pairwise(record.pieces)),
        latency_ms=_milliseconds(record.ended - record.began for record in whole),
        input_tokens=spread_of(record.input_tokens for record in whole if record.input_tokens is not None),
        output_tokens=spread_of(tokens for record in whole if (tokens := record.answer_tokens) is not None),
        too_long=sum(_exceeds(record, 1) for record in whole),
        too_short=sum(_exceeds(record, -1) for record in whole),
        failures=_failures(level.records),
    )


def _seconds(level: LevelRecords) -> float:
    if level.began is None:
        return 0.0
    ended = level.ended if level.ended is not None else max((r.ended for r in level.records), default=level.began)
    return ended - level.began


def _rate(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _token_rate(counts: Sequence[int | None], seconds: float) -> float | None:
    """Return tokens per second; None where one answer's tokens are unknown, since a sum without them would be wrong."""
    known = [count for count in counts if count is not None]
    return _rate(sum(known), seconds) if known and len(known) == len(counts) else None


def _counted(whole: Sequence[Record]) -> Counted:
    if whole and all(record.output_tokens is not None for record in whole):
        return "usage"
    return "pieces" if any(record.pieces for record in whole) else "unknown"


def _milliseconds(seconds: Iterable[float | None]) -> Spread | None:
    return spread_of(value * 1000 for value in seconds if value is not None)


def _exceeds(record: Record, sign: Literal[1, -1]) -> bool:
    tokens, most = record.answer_tokens, record.max_tokens
    return tokens is not None and most is not None and sign * (tokens - most) > 0


def _failures(records: Iterable[Record]) -> tuple[FailureCount, ...]:
    failures = [record.failure for record in records if record.failure is not None]
    first = {failure.kind: failure.message for failure in reversed(failures)}
    counts = Counter(failure.kind for failure in failures)
    return tuple(FailureCount(kind, count, first[kind]) for kind, count in counts.most_common())
