"""The server's Prometheus metrics. The README lists their names; dashboards use them, so they must not change."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from llmwright_runtime_hf.serve.common_metrics import CommonMetrics

_FIRST_TOKEN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)


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
        self.first_token = Histogram(
            "llmwright_time_to_first_token_seconds",
            "From the request's arrival in the queue to its first token.",
            ["model"],
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=registry,
        )
        self.duration = Histogram(
            "llmwright_request_duration_seconds",
            "From the request's arrival in the queue to its last token.",
            ["model"],
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.running = Gauge("llmwright_requests_running", "Requests being generated.", registry=registry)
        self.waiting = Gauge("llmwright_requests_waiting", "Requests in the queue.", registry=registry)
        self.answers = Counter(
            "llmwright_answers", "Complete answers.", ["model", "finished_reason"], registry=registry
        )
        self.model_info = Gauge(
            "llmwright_model_info",
            "Always 1: a model that is served.",
            ["model", "parent", "dtype", "quantization", "max_model_len"],
            registry=registry,
        )

    def begin(self, models: Sequence[str]) -> None:
        """Show 0 for each of ``models``, of which the first is the base, and their metrics under the common names too.

        A rate over a counter that is not there before the first request would miss that request.
        """
        for model in models:
            for metric in (self.prompt_tokens, self.completion_tokens, self.first_token, self.duration):
                metric.labels(model)
            for reason in ("stop", "length"):
                self.answers.labels(model, reason)
        sources = {
            "vllm:num_requests_running": self.running,
            "vllm:num_requests_waiting": self.waiting,
            "vllm:prompt_tokens": self.prompt_tokens,
            "vllm:generation_tokens": self.completion_tokens,
            "vllm:request_success": self.answers,
            "vllm:time_to_first_token_seconds": self.first_token,
            "vllm:e2e_request_latency_seconds": self.duration,
        }
        self.registry.register(CommonMetrics(sources, models[0]))

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
