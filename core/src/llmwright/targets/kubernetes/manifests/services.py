"""The Services of a serving Workspace: its endpoint, and the headless Service that names its pods."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL, metadata
from llmwright.targets.kubernetes.manifests.object_names import headless_service_name
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

ENABLE_LOAD_BALANCER = "kaito.sh/enablelb"
KV_EVENTS = "kv-events"
PORTS = {"ray": 6379, "dashboard": 8265, "torch": 29500}
"""Ports beside ``http``: KAITO's, and the rendezvous of torch's distributed processes."""

INTERNAL = {
    "azure": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
    "aws": {
        "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    },
    "gcp": {"networking.gke.io/load-balancer-type": "Internal"},
}
"""Annotations that keep a load balancer off public addresses, by cloud (each cloud controller's documentation)."""


def service(source: RenderInput, *, http: int, kv_events: int | None, grouped: bool) -> Manifest:
    """Return the endpoint. It leads to pods that are ready, and to no other.

    Args:
        http: the pod's port that answers. A public load balancer offers this port alone.
        kv_events: the pod's port for events of the KV cache; None where it has none.
        grouped: whether all pods are one server, which answers on the first; else each of them answers.
    """
    balanced = wants_load_balancer(source)
    public = balanced and source.settings.endpoints.public
    ports = [_port("http", 80, http)]
    if not public:
        ports += [_port(name, number, number) for name, number in PORTS.items()]
    if kv_events is not None and not balanced:
        ports.append(_port(KV_EVENTS, kv_events, kv_events))
    internal = INTERNAL.get(source.settings.cloud, {}) if balanced and not public else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(source, source.name, internal),
        "spec": {
            "type": "LoadBalancer" if balanced else "ClusterIP",
            "selector": _endpoint_selector(source, grouped=grouped),
            "ports": ports,
        },
    }


def headless_service(source: RenderInput, *, grouped: bool) -> Manifest:
    """Return the Service that gives each pod a DNS name.

    The pods of a group find each other by it before one of them is ready: together they become so.
    """
    early = {"publishNotReadyAddresses": True} if grouped else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(source, headless_service_name(source.name)),
        "spec": {"clusterIP": "None", **early, "selector": {WORKSPACE_LABEL: source.name}},
    }


def wants_load_balancer(source: RenderInput) -> bool:
    """Return whether the annotation is ``True``, in KAITO's exact letters."""
    return source.workspace.metadata.annotations.get(ENABLE_LOAD_BALANCER) == "True"


def _endpoint_selector(source: RenderInput, *, grouped: bool) -> dict[str, str]:
    """Return the labels of all pods that answer, however many there are by whoever scales them.

    A tuning pod has the Workspace's label too, so a tuned model's one server is named.
    """
    labels = {WORKSPACE_LABEL: source.name}
    kind = source.runtime.serves_as if source.runtime is not None else None
    if kind is not None:
        return {**labels, **kind.endpoint_labels}
    if not grouped and source.workspace.tuning is None:
        return labels
    return {**labels, "statefulset.kubernetes.io/pod-name": f"{source.name}-0"}


def _port(name: str, number: int, target: int) -> Manifest:
    return {"name": name, "protocol": "TCP", "port": number, "targetPort": target}
