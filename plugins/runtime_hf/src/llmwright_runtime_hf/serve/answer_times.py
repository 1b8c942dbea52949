"""How long answers take, as histograms of Prometheus: to the first token, from token to token, in all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.interface import JobHandle

_FIRST_TOKEN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_TOKEN_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5)
_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)


class AnswerTimes:
    """The times of the answers of one server, by model, in its registry. Iterating yields the histograms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, documentation: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(name, documentation, ["model"], buckets=buckets, registry=registry)

        self.first_token = histogram(
            "llmwright_time_to_first_token_seconds",
            "From the request's arrival in the queue to its first token.",
            _FIRST_TOKEN_BUCKETS,
        )
        self.next_token = histogram(
            "llmwright_inter_token_latency_seconds", "From each token of an answer to its next.", _TOKEN_BUCKETS
        )
        self.token_time = histogram(
            "llmwright_time_per_output_token_seconds",
            "The mean time from token to token of each complete answer.",
            _TOKEN_BUCKETS,
        )
        self.duration = histogram(
            "llmwright_request_duration_seconds",
            "From the request's arrival in the queue to its last token.",
            _DURATION_BUCKETS,
        )

    def __iter__(self) -> Iterator[Histogram]:
        yield from (self.first_token, self.next_token, self.token_time, self.duration)

    def see_token(self, handle: JobHandle) -> None:
        """Measure the time to a token of the answer to ``handle``, which is here now."""
        now, model = time.monotonic(), handle.job.model
        if handle.last_token is None:
            self.first_token.labels(model).observe(now - handle.submitted)
            handle.first_token = now
        else:
            self.next_token.labels(model).observe(now - handle.last_token)
        handle.last_token = now

    def see_answer(self, handle: JobHandle, tokens: int) -> None:
        """Measure the times of a complete answer of ``tokens`` tokens."""
        model = handle.job.model
        self.duration.labels(model).observe(time.monotonic() - handle.submitted)
        if handle.first_token is not None and handle.last_token is not None and tokens > 1:
            self.token_time.labels(model).observe((handle.last_token - handle.first_token) / (tokens - 1))
