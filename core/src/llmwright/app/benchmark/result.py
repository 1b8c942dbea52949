"""``BenchmarkResult``: the figures of a benchmark with their conditions, and what is to be said about them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmwright.app.benchmark.statistics import LevelResult
from llmwright.app.benchmark.trial import Trial
from llmwright.app.benchmark.workload import Api, Workload

FEW = 100
NEAR = 0.05
"""Share of the wanted length within which a prompt counts as of that length."""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """The figures of each level, and the conditions under which they were measured.

    ``input_tokens`` and ``output_tokens`` are the lengths that were asked for, the former None for own prompts; the
    levels have the true ones. ``complete`` is False after an interruption. ``notes`` are sentences about the
    figures.
    """

    endpoint: str
    model: str
    api: Api
    stream: bool
    seed: int
    temperature: float
    input_tokens: int | None
    output_tokens: int
    warmup: int
    timeout_s: float
    began: str
    version: str
    complete: bool
    levels: tuple[LevelResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether each level that was measured has an answer."""
        return bool(self.levels) and all(level.succeeded for level in self.levels)

    @property
    def peak(self) -> LevelResult | None:
        """The level with the most tokens per second, of prompts and answers; None where no tokens are known."""
        known = [level for level in self.levels if level.output_tokens_per_s is not None]
        return max(known, key=tokens_per_s) if known else None


def tokens_per_s(level: LevelResult) -> float:
    """Return tokens of prompts and answers per second; 0 where they are unknown."""
    return (level.input_tokens_per_s or 0.0) + (level.output_tokens_per_s or 0.0)


def notes_of(workload: Workload, trial: Trial, levels: Sequence[LevelResult]) -> tuple[str, ...]:
    """Return what a reader must know about the figures of ``levels``."""
    return (*_trial_notes(workload, trial), *_token_notes(workload, levels), *_level_notes(levels))


def _trial_notes(workload: Workload, trial: Trial) -> Iterator[str]:
    if workload.full_length and not trial.dialect.ignore_eos:
        yield "the server takes no ignore_eos: answers may end early"
    if not trial.dialect.temperature:
        yield "the server takes no temperature: it chooses its own"
    if workload.prompts:
        return
    if trial.input_tokens is None:
        yield f"the server gives no usage: prompts are {trial.words} words, and how many tokens these are is unknown"
    elif abs(trial.input_tokens - workload.input_tokens) > NEAR * workload.input_tokens:
        yield f"prompts of {workload.input_tokens} tokens cannot be made: the nearest have {trial.input_tokens}"


def _token_notes(workload: Workload, levels: Sequence[LevelResult]) -> Iterator[str]:
    counted = {level.counted for level in levels if level.succeeded}
    if "pieces" in counted:
        yield "the server gives no usage: tokens of answers are pieces of the stream, of which one may hold several"
    if "unknown" in counted:
        yield "the server gives no usage and no stream: tokens are unknown"
    if workload.stream and any(level.succeeded and level.ttft_ms is None for level in levels):
        yield "the server sent no stream: there is no time to first token"
    if too_long := sum(level.too_long for level in levels):
        longest = max(level.output_tokens.high for level in levels if level.output_tokens)
        yield f"the server ignores max_tokens: {too_long} answers are longer than was asked, up to {longest:.0f} tokens"
    if too_short := sum(level.too_short for level in levels):
        yield f"{too_short} of {sum(level.succeeded for level in levels)} answers ended before max_tokens"


def _level_notes(levels: Sequence[LevelResult]) -> Iterator[str]:
    for level in levels:
        if level.gave_up:
            yield f"at concurrency {level.concurrency} only failures came: no more was asked"
        if level.unfinished:
            yield f"at concurrency {level.concurrency} {level.unfinished} requests were cut off; they are not counted"
    few = [str(level.concurrency) for level in levels if 0 < level.succeeded < FEW]
    if few:
        yield f"p99 of fewer than {FEW} requests is nearly their slowest (concurrency {', '.join(few)})"
