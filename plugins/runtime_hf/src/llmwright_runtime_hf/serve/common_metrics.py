"""The server's metrics once more, under the names that one dashboard reads of every runtime: vLLM's.

Source: vLLM 0.32, ``vllm/v1/metrics/loggers.py``. The buckets of histograms are the server's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

LABEL = "model_name"
"""In place of the server's own label ``model``."""


class Described(Protocol):
    """A metric of the server."""

    def collect(self) -> Iterable[Metric]:
        """Return it with the values that it has now."""


class CommonMetrics(Collector):
    """Gives each metric of ``sources`` under its key there. One without a model is the base's, ``base``.

    Reads the values of the sources whenever it is asked, so that both names always show the same.
    """

    def __init__(self, sources: Mapping[str, Described], base: str) -> None:
        self._sources, self._base = sources, base

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics under their common names."""
        for name, source in self._sources.items():
            for own in source.collect():
                common = Metric(name, own.documentation, own.type)
                for sample in own.samples:
                    if not sample.name.endswith("_created"):
                        labels = {LABEL if key == "model" else key: value for key, value in sample.labels.items()}
                        labels.setdefault(LABEL, self._base)
                        common.add_sample(name + sample.name.removeprefix(own.name), labels, sample.value)
                yield common
