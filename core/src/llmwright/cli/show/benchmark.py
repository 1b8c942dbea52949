"""A benchmark: the bar while it is measured, and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from llmwright.cli.show.console import LiveBars, text_column
from llmwright.cli.show.output import note, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from llmwright.app.benchmark.benchmark import LevelProgress
    from llmwright.app.benchmark.result import BenchmarkResult
    from llmwright.app.benchmark.statistics import LevelResult, Spread

TIMES = (
    ("time to first token (TTFT)", "ttft_ms"),
    ("time per output token (TPOT)", "tpot_ms"),
    ("inter-token latency (ITL)", "itl_ms"),
    ("latency of the whole answer", "latency_ms"),
)
UNKNOWN = "-"


class BenchmarkBar(LiveBars):
    """A bar for each level; on a stream that is no terminal, a line for each level that ended."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn

        super().__init__(console, text_column("{task.description}"), BarColumn(), text_column("{task.fields[figures]}"))
        self._tasks: dict[int, TaskID] = {}

    def show(self, progress: LevelProgress) -> None:
        """Bring the bar of its level to ``progress``."""
        title = f"concurrency {progress.concurrency}"
        if not self.console.is_terminal:
            if progress.finished:
                note(f"{title}: {_figures(progress)}")
            return
        if progress.concurrency not in self._tasks:
            self._tasks[progress.concurrency] = self.bars.add_task(title, total=1, figures="")
        share = 1.0 if progress.finished else _share(progress)
        self.bars.update(self._tasks[progress.concurrency], completed=share, figures=_figures(progress))


def show_benchmark(result: BenchmarkResult) -> None:
    """Print conditions, rates, times and failures as tables, and the notes on stderr."""
    for line in _conditions(result):
        click.echo(line)
    if result.levels:
        click.echo()
        table(
            ("concurrency", "answers", "failed", "seconds", "answers/s", "tokens in/s", "tokens out/s", "in", "out"),
            map(_rates, result.levels),
        )
        click.echo()
        table(("milliseconds", "concurrency", "mean", "p50", "p95", "p99", "max"), _times(result.levels))
    if any(level.failures for level in result.levels):
        click.echo()
        table(("failure", "concurrency", "requests", "the first"), _failures(result.levels))
    for sentence in result.notes:
        note(f"note: {sentence}")


def _conditions(result: BenchmarkResult) -> Iterator[str]:
    asked = "own prompts" if result.input_tokens is None else f"prompts of {result.input_tokens} tokens"
    answers = "streamed" if result.stream else "whole"
    yield f"{result.model} at {result.endpoint}, {result.began}"
    yield f"{asked}, {answers} answers of at most {result.output_tokens} tokens ({result.api}, seed {result.seed})"
    if not result.complete:
        yield "interrupted: this is what was measured until then"


def _rates(level: LevelResult) -> Sequence[str]:
    return (
        str(level.concurrency),
        str(level.succeeded),
        str(level.failed),
        f"{level.seconds:.1f}",
        _number(level.requests_per_s),
        _number(level.input_tokens_per_s),
        _number(level.output_tokens_per_s),
        _length(level.input_tokens),
        _length(level.output_tokens),
    )


def _times(levels: Sequence[LevelResult]) -> Iterator[Sequence[str]]:
    for title, name in TIMES:
        for index, level in enumerate(levels):
            spread: Spread | None = getattr(level, name)
            values = (spread.mean, spread.p50, spread.p95, spread.p99, spread.high) if spread else (None,) * 5
            yield (title if index == 0 else "", str(level.concurrency), *map(_number, values))


def _failures(levels: Sequence[LevelResult]) -> Iterator[Sequence[str]]:
    for level in levels:
        for failure in level.failures:
            yield failure.kind, str(level.concurrency), str(failure.count), failure.example


def _number(value: float | None) -> str:
    """Return ``value`` with three digits or more, so that a small one still says something."""
    if value is None:
        return UNKNOWN
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def _length(spread: Spread | None) -> str:
    """Return the mean of lengths, and the shortest and the longest where they differ."""
    if spread is None:
        return UNKNOWN
    if spread.low == spread.high:
        return f"{spread.low:.0f}"
    return f"{spread.mean:.1f} ({spread.low:.0f}-{spread.high:.0f})"


def _share(progress: LevelProgress) -> float:
    shares = (
        progress.ended / progress.requests if progress.requests else 0.0,
        (progress.seconds or 0.0) / progress.duration_s if progress.duration_s else 0.0,
    )
    return min(1.0, max(shares))


def _figures(progress: LevelProgress) -> str:
    if progress.seconds is None:
        return "warming up"
    bound = f" of {progress.requests}" if progress.requests else ""
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.ended}{bound} requests{failed}, {progress.seconds:.0f} s"
