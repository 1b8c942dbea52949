"""The Services of what serves."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests import object_names
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL, metadata
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
"""What keeps a load balancer off public addresses, by cloud (each cloud controller's documentation)."""


def service(rendering: RenderInput, *, http: int, kv_events: int | None) -> Manifest:
    """The endpoint. ``http`` and ``kv_events`` are the pod's ports; a public load balancer offers ``http`` alone."""
    balanced = wants_load_balancer(rendering)
    public = balanced and rendering.settings.endpoints.public
    ports = [_port("http", 80, http)]
    if not public:
        ports += [_port(name, number, number) for name, number in PORTS.items()]
    if kv_events is not None and not balanced:
        ports.append(_port(KV_EVENTS, kv_events, kv_events))
    internal = INTERNAL.get(rendering.settings.cloud, {}) if balanced and not public else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(rendering, rendering.name, internal),
        "spec": {
            "type": "LoadBalancer" if balanced else "ClusterIP",
            "publishNotReadyAddresses": True,
            "selector": _answering(rendering),
            "ports": ports,
        },
    }


def headless_service(rendering: RenderInput) -> Manifest:
    """What gives every pod a DNS name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(rendering, object_names.headless(rendering)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {WORKSPACE_LABEL: rendering.name},
        },
    }


def wants_load_balancer(rendering: RenderInput) -> bool:
    """Whether the annotation says so, in KAITO's exact letters."""
    return rendering.workspace.metadata.annotations.get(ENABLE_LOAD_BALANCER) == "True"


def _answering(rendering: RenderInput) -> dict[str, str]:
    """The first pod; all of them where the Workspace asks for several copies."""
    found = {WORKSPACE_LABEL: rendering.name}
    inference = rendering.workspace.inference
    if inference is not None and (inference.replicas or 1) > 1:
        return found
    return {**found, "statefulset.kubernetes.io/pod-name": f"{rendering.name}-0"}


def _port(name: str, number: int, target: int) -> Manifest:
    return {"name": name, "protocol": "TCP", "port": number, "targetPort": target}
