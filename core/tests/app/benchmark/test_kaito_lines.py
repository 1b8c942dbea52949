"""KAITO's two lines, read as its controller reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from core.tests.app.benchmark.support.results import level, result

from llmwright.app.benchmark.kaito_lines import kaito_lines
from llmwright.app.benchmark.record import Failure, Record
from llmwright.app.benchmark.statistics import LevelRecords

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def payload(line: str, tag: str) -> Any:
    """Return the JSON behind the tag and the time."""
    assert line.startswith(f"{tag} 2026-01-02T03:04:05Z ")
    return json.loads(line.split(" ", 2)[2])


def test_the_level_with_the_most_tokens() -> None:
    answer = Record(0, 1, [0.5, 0.75, 1], input_tokens=2000, output_tokens=3)
    config, figures = kaito_lines(result(level(1, 2.0, answer), level(8, 61.2, *([answer] * 200))), NOW)
    assert payload(config, "KAITO_BENCHMARK_CONFIG") == {
        "duration_sec": 61,
        "input_tokens": 2000,
        "output_tokens": 256,
        "max_concurrency": 8,
    }
    assert payload(figures, "KAITO_BENCHMARK_RESULT") == {
        "vllm_total_tpm": pytest.approx(2003 * 200 * 60 / 61.2, abs=0.01),
        "ttft_avg_ms": 500.0,
        "tpot_avg_ms": 250.0,
    }


@pytest.mark.parametrize("levels", [(), (level(4, 1.0, Record(0, 1, failure=Failure("timeout", ""))),)])
def test_a_benchmark_that_failed(levels: tuple[LevelRecords, ...]) -> None:
    config, figures = kaito_lines(result(*levels), NOW)
    assert payload(figures, "KAITO_BENCHMARK_RESULT") == {"vllm_total_tpm": -1, "ttft_avg_ms": -1, "tpot_avg_ms": -1}
    assert all(isinstance(value, int) for value in payload(config, "KAITO_BENCHMARK_CONFIG").values())


def test_a_server_without_streams_has_no_times() -> None:
    _, figures = kaito_lines(result(level(1, 60.0, Record(0, 1, input_tokens=10, output_tokens=20))), NOW)
    assert figures.endswith('{"vllm_total_tpm":30.0,"ttft_avg_ms":-1.0,"tpot_avg_ms":-1.0}')
