"""Metrics of passes, queue, requests and lead, by the names that controller-runtime and client-go gave them."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from llmwright.version import __version__

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from llmwright.targets.kubernetes.cluster.workqueue import Workqueue

CONTROLLER = "workspace"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

SUCCESS, AGAIN, ERROR = "success", "requeue_after", "error"
"""Results of a pass: done, done and due again later, failed and to be made again."""

Requests = Mapping[tuple[str, str], int]
"""How many requests were answered, by method and status code; ``<error>`` for no answer."""


class PassMetrics:
    """How many passes were made, how long they took and how they ended; used from several threads."""

    def __init__(self, registry: CollectorRegistry, workers: int) -> None:
        self._workers = workers
        self._began: dict[int, float] = {}
        self._lock = threading.Lock()
        by_result, by_controller = ("controller", "result", "namespace"), ("controller", "namespace")
        about = "Passes over Workspaces, by result and namespace."
        self._passes = Counter("controller_runtime_reconcile", about, by_result, registry=registry)
        about = "Passes over Workspaces that failed, by namespace."
        self._errors = Counter("controller_runtime_reconcile_errors", about, by_controller, registry=registry)
        about = "How long a pass takes."
        self._time = Histogram(
            "controller_runtime_reconcile_time_seconds", about, ("controller",), buckets=SECONDS, registry=registry
        )
        registry.register(self)

    @contextmanager
    def measured(self, namespace: str) -> Iterator[list[str]]:
        """Measure one pass. Its result is the last of the list that is yielded; none stands for an error."""
        result: list[str] = []
        began, thread = time.monotonic(), threading.get_ident()
        with self._lock:
            self._began[thread] = began
        try:
            yield result
        finally:
            with self._lock:
                self._began.pop(thread, None)
            ended = result[-1] if result else ERROR
            self._passes.labels(CONTROLLER, ended, namespace).inc()
            if ended == ERROR:
                self._errors.labels(CONTROLLER, namespace).inc()
            self._time.labels(CONTROLLER).observe(time.monotonic() - began)

    def collect(self) -> Iterator[Metric]:
        """Yield the passes that run now."""
        with self._lock:
            began = list(self._began.values())
        longest = time.monotonic() - min(began) if began else 0.0
        yield gauge("controller_runtime_active_workers", "Passes that run.", len(began), controller=CONTROLLER)
        most = "The most passes that run at once."
        yield gauge("controller_runtime_max_concurrent_reconciles", most, self._workers, controller=CONTROLLER)
        about = "How long the pass that began first has run."
        yield gauge("workqueue_longest_running_processor_seconds", about, longest, name=CONTROLLER)


class QueueMetrics(Collector):
    """How many names wait for a pass, and how long they did."""

    def __init__(self, queue: Workqueue) -> None:
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """Yield depth, and the sums since the start."""
        yield gauge("workqueue_depth", "Workspaces that wait for a pass.", len(self._queue), name=CONTROLLER)
        counts = self._queue.counts
        for name, about, value in (
            ("workqueue_adds", "How often a Workspace was queued.", counts.adds),
            ("workqueue_retries", "How often a pass was queued again because it failed.", counts.retries),
        ):
            yield counted(name, about, {(CONTROLLER,): value}, ("name",))


class ProcessMetrics(Collector):
    """Requests to the API server, who leads, and what was built."""

    def __init__(self, requests: Callable[[], Requests], host: str, lease: str, leads: Callable[[], bool]) -> None:
        self._requests, self._host, self._lease, self._leads = requests, host, lease, leads

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        about = "Requests to the API server, by status code and method."
        values: dict[tuple[str, ...], float] = {
            (code, method, self._host): float(count) for (method, code), count in self._requests().items()
        }
        yield counted("rest_client_requests", about, values, ("code", "method", "host"))
        yield gauge("leader_election_master_status", "1 where this process leads.", self._leads(), name=self._lease)
        build = InfoMetricFamily("llmwright_build", "The version of LLMwright and of Python.")
        build.add_metric((), {"version": __version__, "python": platform.python_version()})
        yield build


def gauge(metric: str, about: str, value: float, **labels: str) -> GaugeMetricFamily:
    """Return a gauge of one figure."""
    family = GaugeMetricFamily(metric, about, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), float(value))
    return family


def counted(
    name: str, about: str, values: Mapping[tuple[str, ...], float], labels: tuple[str, ...]
) -> CounterMetricFamily:
    """Return a counter, ``NAME_total``, by the values of its labels."""
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, float(value))
    return family
