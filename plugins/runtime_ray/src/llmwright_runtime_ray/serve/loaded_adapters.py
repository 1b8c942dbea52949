"""How many adapters were loaded on demand, as a metric."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter

LOADS = "llmwright_adapter_loads"


def loads_counter(registry: CollectorRegistry, names: Iterable[str]) -> Counter:
    """Return the counter of loads by the adapter's name, with 0 for each."""
    words = "Adapters that were loaded because a request asked for them."
    counter = Counter(LOADS, words, ["model"], registry=registry)
    for name in names:
        counter.labels(name)
    return counter
