"""The kinds that a cluster in memory serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind as an API server knows it; each is made once, and equal to itself alone.

    ``frozen`` names fields below ``spec`` that cannot change; with ``only`` instead, all others are frozen.
    ``has_status`` says that the status is a part of its own (subresource).
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = True
    frozen: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """As an object's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The URL path of all objects."""
        return f"/{'apis' if self.group else 'api'}/{self.api_version}/{self.plural}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


MUTABLE_OF_STATEFULSET = frozenset(
    {"minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas", "revisionHistoryLimit"}
    | {"template", "updateStrategy"}
)

WORKSPACES = Kind("kaito.sh", "v1beta1", "workspaces", "Workspace")
STATEFULSETS = Kind("apps", "v1", "statefulsets", "StatefulSet", only=MUTABLE_OF_STATEFULSET)
CONTROLLER_REVISIONS = Kind("apps", "v1", "controllerrevisions", "ControllerRevision", has_status=False)
JOBS = Kind("batch", "v1", "jobs", "Job", frozen=frozenset({"template", "completions", "selector"}))
PODS = Kind("", "v1", "pods", "Pod")
SERVICES = Kind("", "v1", "services", "Service")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap", has_status=False)
EVENTS = Kind("", "v1", "events", "Event", has_status=False)
NODES = Kind("", "v1", "nodes", "Node", namespaced=False)
AUTOSCALERS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease", has_status=False)

ALL = (
    WORKSPACES,
    STATEFULSETS,
    CONTROLLER_REVISIONS,
    JOBS,
    PODS,
    SERVICES,
    CONFIG_MAPS,
    EVENTS,
    NODES,
    AUTOSCALERS,
    LEASES,
)
