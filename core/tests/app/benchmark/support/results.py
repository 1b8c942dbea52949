"""Results of benchmarks that nobody ran."""

from __future__ import annotations

from llmwright.app.benchmark.record import Record
from llmwright.app.benchmark.result import BenchmarkResult
from llmwright.app.benchmark.statistics import LevelRecords, level_result


def result(*levels: LevelRecords, model: str = "tiny") -> BenchmarkResult:
    """Return the result of a streamed benchmark over ``levels``."""
    return BenchmarkResult(
        endpoint="http://model",
        model=model,
        api="chat",
        stream=True,
        seed=0,
        temperature=0.0,
        input_tokens=2048,
        output_tokens=256,
        warmup=1,
        timeout_s=600.0,
        began="",
        version="",
        complete=True,
        levels=tuple(map(level_result, levels)),
    )


def level(concurrency: int, seconds: float, *records: Record) -> LevelRecords:
    """Return a level that was measured for ``seconds``."""
    return LevelRecords(concurrency, list(records), 0.0, seconds)
