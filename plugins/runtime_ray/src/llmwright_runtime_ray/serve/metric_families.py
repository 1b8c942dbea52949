"""Metrics of several replicas as one: values of equal names and labels are added, or the highest counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

_HIGHEST = frozenset(
    {
        "llmwright_model_info",
        "llmwright_kv_cache_usage_ratio",
        "vllm:cache_config_info",
        "vllm:kv_cache_usage_perc",
        "vllm:lora_requests_info",
    }
)
"""No sums: always 1, the part of a cache that is full, a time. Of these the highest of all replicas is shown."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples: name, labels, value."""

    name: str
    documentation: str
    kind: str
    samples: tuple[tuple[str, tuple[tuple[str, str], ...], float], ...]


def families_of(registry: CollectorRegistry) -> list[Family]:
    """Return all metrics of ``registry`` as values that travel between processes."""
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            tuple((sample.name, tuple(sorted(sample.labels.items())), sample.value) for sample in metric.samples),
        )
        for metric in registry.collect()
    ]


def added(sets: Iterable[Iterable[Family]]) -> list[Family]:
    """Return several sets of metrics as one."""
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    first: dict[str, Family] = {}
    for family in (family for families in sets for family in families):
        first.setdefault(family.name, family)
        values = sums.setdefault(family.name, {})
        for name, labels, value in family.samples:
            before = values.get((name, labels), 0.0)
            values[name, labels] = max(before, value) if family.name in _HIGHEST else before + value
    return [
        Family(name, family.documentation, family.kind, tuple((*key, value) for key, value in sums[name].items()))
        for name, family in first.items()
    ]


def exposition(families: Iterable[Family]) -> bytes:
    """Return the metrics in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Fixed([*families]))
    return generate_latest(registry)


class _Fixed:
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.documentation, family.kind)
            for name, labels, value in family.samples:
                metric.add_sample(name, dict(labels), value)
            yield metric
