"""KAITO's two log lines about a benchmark, for programs that read them. Pure.

Source: KAITO v0.12, ``presets/workspace/inference/vllm/benchmark_entrypoint.py`` (what is written) and
``pkg/workspace/controllers/benchmark.go`` (what is read: whole numbers in the first, a rate of 0 or less has failed).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from llmwright.app.benchmark.result import BenchmarkResult, tokens_per_s

FAILED = -1.0


def kaito_lines(result: BenchmarkResult, now: datetime) -> tuple[str, str]:
    """Return the lines ``KAITO_BENCHMARK_CONFIG`` and ``KAITO_BENCHMARK_RESULT`` of the level with the most tokens.

    The rate is tokens of prompts and answers per minute, the times are means in milliseconds. A figure that is not
    known is -1, and so are all of them where nothing was measured.
    """
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    peak = result.peak
    level = peak or (result.levels[-1] if result.levels else None)
    config = {
        "duration_sec": round(level.seconds) if level else 0,
        "input_tokens": _whole(level.input_tokens.mean if level and level.input_tokens else result.input_tokens),
        "output_tokens": result.output_tokens,
        "max_concurrency": level.concurrency if level else 0,
    }
    figures = {
        "vllm_total_tpm": round(tokens_per_s(peak) * 60, 2) if peak and tokens_per_s(peak) > 0 else FAILED,
        "ttft_avg_ms": round(peak.ttft_ms.mean, 2) if peak and peak.ttft_ms else FAILED,
        "tpot_avg_ms": round(peak.tpot_ms.mean, 2) if peak and peak.tpot_ms else FAILED,
    }
    return (
        f"KAITO_BENCHMARK_CONFIG {time} {json.dumps(config, separators=(',', ':'))}",
        f"KAITO_BENCHMARK_RESULT {time} {json.dumps(figures, separators=(',', ':'))}",
    )


def _whole(tokens: float | None) -> int:
    return round(tokens) if tokens is not None else 0
