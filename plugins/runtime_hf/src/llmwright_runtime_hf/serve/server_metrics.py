"""The server's Prometheus metrics. The README lists their names; dashboards use them, so they must not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from llmwright_runtime_hf.serve.adapter_load import AdapterLoad
from llmwright_runtime_hf.serve.answer_times import AnswerTimes
from llmwright_runtime_hf.serve.common_metrics import CommonMetrics

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.interface import JobHandle

_REASONS = ("stop", "length", "abort", "error")


class ServerMetrics:
    """The metrics of one server, in a registry of its own. Callable from any thread."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "llmwright_requests", "Requests answered.", ["route", "status"], registry=registry
        )  # exposed with the suffix _total
        self.prompt_tokens = Counter("llmwright_prompt_tokens", "Tokens read.", ["model"], registry=registry)
        self.completion_tokens = Counter(
            "llmwright_completion_tokens", "Tokens generated.", ["model"], registry=registry
        )
        self.times = AnswerTimes(registry)
        self.running = Gauge("llmwright_requests_running", "Requests being generated.", registry=registry)
        self.waiting = Gauge("llmwright_requests_waiting", "Requests in the queue.", registry=registry)
        self.cache_usage = Gauge(
            "llmwright_kv_cache_usage_ratio", "The part of the cache that answers hold; 1 is all.", registry=registry
        )
        self.answers = Counter(
            "llmwright_answers", "Answers that ended.", ["model", "finished_reason"], registry=registry
        )
        self.model_info = Gauge(
            "llmwright_model_info",
            "Always 1: a model that is served.",
            ["model", "parent", "dtype", "quantization", "max_model_len"],
            registry=registry,
        )
        self.adapters = AdapterLoad()

    def begin(self, models: Sequence[str]) -> None:
        """Show 0 for each of ``models``, of which the first is the base, and their metrics under the common names too.

        A rate over a counter that is not there before the first request would miss that request.
        """
        for model in models:
            self.begin_model(model)
        sources = {
            "vllm:num_requests_running": self.running,
            "vllm:num_requests_waiting": self.waiting,
            "vllm:kv_cache_usage_perc": self.cache_usage,
            "vllm:prompt_tokens": self.prompt_tokens,
            "vllm:generation_tokens": self.completion_tokens,
            "vllm:request_success": self.answers,
            "vllm:time_to_first_token_seconds": self.times.first_token,
            "vllm:inter_token_latency_seconds": self.times.next_token,
            "vllm:request_time_per_output_token_seconds": self.times.token_time,
            "vllm:e2e_request_latency_seconds": self.times.duration,
        }
        self.registry.register(CommonMetrics(sources, models[0]))
        self.adapters.begin(models[0])
        self.registry.register(self.adapters)

    def begin_model(self, model: str) -> None:
        """Show 0 for ``model``."""
        for metric in self._of_models():
            metric.labels(model)
        for reason in _REASONS:
            self.answers.labels(model, reason)

    def end_model(self, model: str) -> None:
        """Show nothing more of ``model``, which is served no longer: names that come and go make no endless series."""
        for metric in self._of_models():
            metric.remove(model)
        for reason in _REASONS:
            self.answers.remove(model, reason)
        self.model_info.remove_by_labels({"model": model})

    def _of_models(self) -> tuple[Counter | Histogram, ...]:
        """Return the metrics whose only label is the model."""
        return (self.prompt_tokens, self.completion_tokens, *self.times)

    def count_token(self, handle: JobHandle) -> None:
        """Count a token of the answer to ``handle``, and the time since the one before."""
        model = handle.job.model
        self.completion_tokens.labels(model).inc()
        if handle.last_token is None:
            self.prompt_tokens.labels(model).inc(len(handle.job.prompt))
        self.times.see_token(handle)

    def count_answer(self, handle: JobHandle, reason: str, tokens: int) -> None:
        """Count a complete answer of ``tokens`` tokens."""
        self.times.see_answer(handle, tokens)
        self.answers.labels(handle.job.model, reason).inc()

    def count_abort(self, handle: JobHandle) -> None:
        """Count an answer whose client has left."""
        self.answers.labels(handle.job.model, "abort").inc()

    def count_error(self, handle: JobHandle) -> None:
        """Count an answer that failed."""
        self.answers.labels(handle.job.model, "error").inc()

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
