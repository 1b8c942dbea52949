"""The metrics of the operator for Prometheus, read from its caches at each scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from llmwright.api.status import Condition, WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.targets.kubernetes.operator.process.operator import Operator

Values = dict[tuple[str, ...], float]
"""By the values of labels."""

SECONDS = (1, 5, 15, 60, 300, 900, 3600, 14400, 86400)


class Metrics:
    """The registry of one operator."""

    def __init__(self, operator: Operator) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Present(operator))
        self._waited = Histogram(
            "llmwright_condition_seconds",
            "How long a condition had another status before it got this one.",
            ("condition", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )

    def told(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """A status was written: count how long each condition that turned had stood.

        What is true in the first status of all was not so since the Workspace was made.
        """
        for condition in new.conditions:
            since = _stood_since(workspace, old, condition)
            if since is not None:
                stood = _moment(condition.last_transition_time) - _moment(since)
                self._waited.labels(condition.type, condition.status).observe(max(stood.total_seconds(), 0.0))

    def add(self, more: Collector) -> None:
        """Have another part of this process heard too."""
        self._registry.register(more)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Present(Collector):
    """How things stand now."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def collect(self) -> Iterator[Metric]:
        """One gauge for each."""
        workspaces = self._operator.workspaces.all()
        about = "Workspaces by state and by the reason of their condition Ready."
        yield _gauge("llmwright_workspaces", about, _by_phase(workspaces), ("phase", "reason"))
        yield _gauge("llmwright_nodes_held", "Nodes that Workspaces use.", _nodes(workspaces))
        yield _gauge("llmwright_usd_per_hour", "What the nodes cost, where a price is known.", _costs(workspaces))
        loaded: Values = {("provisioner", name): 1.0 for name in self._operator.drivers.loaded}
        yield _gauge("llmwright_plugins_loaded", "Drivers in use.", loaded, ("kind", "name"))
        orphans: Values = {(name,): float(len(found)) for name, found in self._operator.sweep.found.items()}
        about = "What was made for Workspaces that are gone, as of the last sweep."
        yield _gauge("llmwright_orphans", about, orphans, ("provisioner",))
        waiting: Values = {(): float(len(self._operator.queue))}
        yield _gauge("llmwright_queue_length", "Workspaces that wait to be looked at.", waiting, ())


def _gauge(name: str, about: str, values: Values, labels: tuple[str, ...] = ("namespace",)) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        found.add_metric(key, value)
    return found


def _by_phase(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    found = Counter[tuple[str, ...]]()
    for one in workspaces:
        status = one.get("status") or {}
        reasons = {each["type"]: each["reason"] for each in status.get("conditions") or []}
        phase = "Deleting" if "deletionTimestamp" in one["metadata"] else status.get("state", "Pending")
        found[(phase, reasons.get("Ready", ""))] += 1
    return {labels: float(count) for labels, count in found.items()}


def _nodes(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    held: dict[str, set[str]] = {}
    for one in workspaces:
        nodes = (one.get("status") or {}).get("workerNodes") or []
        held.setdefault(one["metadata"]["namespace"], set()).update(nodes)
    return {(namespace,): float(len(nodes)) for namespace, nodes in held.items()}


def _costs(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    found: Values = {}
    for one in workspaces:
        usd = ((one.get("status") or {}).get("cost") or {}).get("usdPerHour")
        if usd is not None:
            key = (one["metadata"]["namespace"],)
            found[key] = found.get(key, 0.0) + usd
    return found


def _stood_since(workspace: Workspace, old: WorkspaceStatus | None, turned: Condition) -> str | None:
    """Since when a condition was otherwise; None where it did not turn."""
    if old is None or not old.conditions:
        return workspace.metadata.creation_timestamp if turned.status == "True" else None
    before = old.condition(turned.type)
    return before.last_transition_time if before is not None and before.status != turned.status else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
