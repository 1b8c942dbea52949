"""The adapters that requests wait for and run with, as vLLM shows them (``vllm/v1/metrics/loggers.py``, 0.32)."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

NAME = "vllm:lora_requests_info"


class AdapterLoad(Collector):
    """One sample: the names of the adapters in its labels, and the time of the last change, in seconds, as its value.

    Where no adapter is served there is none, as in vLLM.
    """

    def __init__(self) -> None:
        self._base = ""
        self._most = 0
        self._changed = time.time()
        self._load: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    def begin(self, base: str) -> None:
        """Take requests to ``base`` for requests without an adapter."""
        self._base = base

    def serve(self, adapters: int) -> None:
        """Show that so many adapters are served."""
        self._most = adapters

    def show(self, running: Collection[str], waiting: Collection[str]) -> None:
        """Show the models of the requests that run, and of those that wait."""
        load = (frozenset(running) - {self._base}, frozenset(waiting) - {self._base})
        if load != self._load:
            self._load, self._changed = load, time.time()

    def collect(self) -> Iterable[Metric]:
        """Yield the metric."""
        if self._most:
            running, waiting = (",".join(sorted(names)) for names in self._load)
            labels = ("max_lora", "waiting_lora_adapters", "running_lora_adapters", "model_name")
            family = GaugeMetricFamily(NAME, "Adapters of the requests that run and wait.", labels=labels)
            family.add_metric([str(self._most), waiting, running, self._base], self._changed)
            yield family
