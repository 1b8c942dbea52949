"""The metrics of the operator for Prometheus, read from its caches at each scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from llmwright.targets.kubernetes.operator.cache.projection import condition

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from llmwright.api.status import Condition, WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.targets.kubernetes.operator.process.operator import Operator

Values = dict[tuple[str, ...], float]
"""A figure by the values of its labels."""

SECONDS = (1, 5, 15, 60, 300, 900, 3600, 14400, 86400)


class Metrics:
    """The registry of one operator."""

    def __init__(self, operator: Operator) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Present(operator))
        self._waited = Histogram(
            "llmwright_condition_seconds",
            "How long a condition had another status before it got this one.",
            ("condition", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )

    def status_written(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """Count how long each condition that turned with a written status had stood before.

        A condition that is True in the first status was not True since the Workspace was made.
        """
        for turned in new.conditions:
            since = _stood_since(workspace, old, turned)
            if since is not None:
                stood = _moment(turned.last_transition_time) - _moment(since)
                self._waited.labels(turned.type, turned.status).observe(max(stood.total_seconds(), 0.0))

    def add(self, more: Collector | CollectorRegistry) -> None:
        """Add the metrics of another part of this process."""
        self._registry.register(more)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Present(Collector):
    """The gauges: how things stand at a scrape."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge for each figure."""
        workspaces = self._operator.workspaces.all()
        about = "Workspaces by namespace, by state and by the reason of their condition Ready."
        yield _gauge("llmwright_workspaces", about, _by_phase(workspaces), ("namespace", "phase", "reason"))
        about = "1 for each Workspace that does not go on until somebody acts, by the reason of its condition Stalled."
        labels = ("namespace", "workspace", "phase", "reason")
        yield _gauge("llmwright_workspaces_stalled", about, _stalled(workspaces), labels)
        yield _gauge("llmwright_nodes_held", "Nodes that Workspaces use.", _nodes(workspaces))
        yield _gauge("llmwright_usd_per_hour", "What the nodes cost, where a price is known.", _costs(workspaces))
        loaded: Values = {("provisioner", name): 1.0 for name in self._operator.drivers.loaded}
        yield _gauge("llmwright_plugins_loaded", "Drivers in use.", loaded, ("kind", "name"))
        orphans: Values = {(name,): float(len(held)) for name, held in self._operator.sweep.orphans.items()}
        about = "What was made for Workspaces that are gone, as of the last sweep."
        yield _gauge("llmwright_orphans", about, orphans, ("provisioner",))


def _gauge(name: str, about: str, values: Values, labels: tuple[str, ...] = ("namespace",)) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        gauge.add_metric(key, value)
    return gauge


def _phase(workspace: Mapping[str, Any]) -> str:
    state = (workspace.get("status") or {}).get("state", "Pending")
    return "Deleting" if "deletionTimestamp" in workspace["metadata"] else str(state)


def _stalled(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    found: Values = {}
    for workspace in workspaces:
        stalled, metadata = condition(workspace, "Stalled"), workspace["metadata"]
        if stalled.get("status") == "True":
            found[metadata["namespace"], metadata["name"], _phase(workspace), stalled.get("reason", "")] = 1.0
    return found


def _by_phase(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    counts = Counter[tuple[str, ...]]()
    for workspace in workspaces:
        namespace = workspace["metadata"]["namespace"]
        counts[(namespace, _phase(workspace), condition(workspace, "Ready").get("reason", ""))] += 1
    return {labels: float(count) for labels, count in counts.items()}


def _nodes(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    held: dict[str, set[str]] = {}
    for workspace in workspaces:
        nodes = (workspace.get("status") or {}).get("workerNodes") or []
        held.setdefault(workspace["metadata"]["namespace"], set()).update(nodes)
    return {(namespace,): float(len(nodes)) for namespace, nodes in held.items()}


def _costs(workspaces: Iterable[Mapping[str, Any]]) -> Values:
    costs: Values = {}
    for workspace in workspaces:
        usd = ((workspace.get("status") or {}).get("cost") or {}).get("usdPerHour")
        if usd is not None:
            key = (workspace["metadata"]["namespace"],)
            costs[key] = costs.get(key, 0.0) + usd
    return costs


def _stood_since(workspace: Workspace, old: WorkspaceStatus | None, turned: Condition) -> str | None:
    """Return since when a condition had its status before; None where it did not turn."""
    if old is None or not old.conditions:
        return workspace.metadata.creation_timestamp if turned.status == "True" else None
    before = old.condition(turned.type)
    return before.last_transition_time if before is not None and before.status != turned.status else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
