"""The common metrics of a small server, in Prometheus' text format, without a library."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from llmwright.plugins.declarations import ADAPTER_METRIC

REASONS = ("stop", "length", "abort", "error")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0)
_FIRST, _NEXT, _MEAN, _WHOLE = (
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:request_time_per_output_token_seconds",
    "vllm:e2e_request_latency_seconds",
)


class ChatMetrics:
    """The metrics of one server; callable from any thread. It keeps no KV cache, so the use of that is always 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = Counter[str]()
        self._counters = Counter[tuple[str, str]]()
        self._histograms: dict[tuple[str, str], _Histogram] = {}

    def begin(self, model: str) -> Answering:
        """Count an answer of ``model`` as running, until it is ended."""
        with self._lock:
            self._running[model] += 1
        return Answering(self, model)

    def token(self, model: str, name: str, seconds: float) -> None:
        """Count a token, and the seconds since the one before, or since the request for the first."""
        with self._lock:
            self._counters["generation_tokens", model] += 1
            self._observe(model, name, seconds)

    def end(self, model: str, reason: str, prompt: int, seconds: float, mean: float | None) -> None:
        """Count an answer that ended, and its question of ``prompt`` tokens."""
        with self._lock:
            self._running[model] -= 1
            self._counters[reason, model] += 1
            self._counters["prompt_tokens", model] += prompt
            if reason in ("stop", "length"):
                self._observe(model, _WHOLE, seconds)
            if mean is not None:
                self._observe(model, _MEAN, mean)

    def _observe(self, model: str, name: str, seconds: float) -> None:
        self._histograms.setdefault((name, model), _Histogram()).observe(seconds)

    def text(self, names: Sequence[str]) -> str:
        """Return the metrics for the served ``names``, of which the first is the base."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines(names))

    def _lines(self, names: Sequence[str]) -> Iterator[str]:
        values = {
            "num_requests_running": self._running,
            "num_requests_waiting": Counter[str](),
            "kv_cache_usage_perc": Counter[str](),
        }
        for gauge, of in values.items():
            yield f"# TYPE vllm:{gauge} gauge"
            yield from (f'vllm:{gauge}{{model_name="{_quoted(name)}"}} {of[name]}' for name in names)
        for counter in ("prompt_tokens", "generation_tokens"):
            yield f"# TYPE vllm:{counter}_total counter"
            for name in names:
                yield f'vllm:{counter}_total{{model_name="{_quoted(name)}"}} {self._counters[counter, name]}'
        yield "# TYPE vllm:request_success_total counter"
        for name in names:
            for reason in REASONS:
                labels = f'finished_reason="{reason}",model_name="{_quoted(name)}"'
                yield f"vllm:request_success_total{{{labels}}} {self._counters[reason, name]}"
        for histogram in (_FIRST, _NEXT, _MEAN, _WHOLE):
            yield f"# TYPE {histogram} histogram"
            for name in names:
                yield from self._histograms.get((histogram, name), _Histogram()).lines(histogram, _quoted(name))
        if len(names) > 1:
            running = ",".join(name for name in names[1:] if self._running[name])
            labels = f'max_lora="{len(names) - 1}",running_lora_adapters="{_quoted(running)}",waiting_lora_adapters=""'
            yield f"# TYPE {ADAPTER_METRIC} gauge"
            yield f'{ADAPTER_METRIC}{{{labels},model_name="{_quoted(names[0])}"}} {time.time():.3f}'


class Answering:
    """One answer under way. Leaving its block without ``end`` counts it as an error, or as one whose client left."""

    def __init__(self, metrics: ChatMetrics, model: str) -> None:
        self._metrics = metrics
        self._model = model
        self._begin = self._last = time.monotonic()
        self._first: float | None = None
        self._tokens = 0
        self._ended: tuple[str, int] | None = None

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        left = "abort" if isinstance(error, OSError) else "error"
        reason, prompt = self._ended or (left, 0)
        mean = None
        if self._first is not None and self._tokens > 1:
            mean = (self._last - self._first) / (self._tokens - 1)
        self._metrics.end(self._model, reason, prompt, time.monotonic() - self._begin, mean)

    def token(self) -> None:
        """Count one more token."""
        now = time.monotonic()
        self._metrics.token(self._model, _FIRST if self._first is None else _NEXT, now - self._last)
        self._first, self._last = self._first or now, now
        self._tokens += 1

    def end(self, reason: str, prompt: int) -> None:
        """Say why the answer ended, and how many tokens its question had."""
        self._ended = (reason, prompt)


class _Histogram:
    """How many values lie below each bound, and their sum."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(_SECONDS, value)] += 1
        self._sum += value

    def lines(self, name: str, model: str) -> Iterator[str]:
        below = 0
        for bound, count in zip((*map(str, _SECONDS), "+Inf"), self._counts, strict=True):
            below += count
            yield f'{name}_bucket{{le="{bound}",model_name="{model}"}} {below}'
        yield f'{name}_count{{model_name="{model}"}} {below}'
        yield f'{name}_sum{{model_name="{model}"}} {self._sum}'


def _quoted(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
