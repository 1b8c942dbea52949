"""The autoscaler of ``inference.autoscaling``: a HorizontalPodAutoscaler, or a ScaledObject for KEDA.

Its target is the subresource ``scale`` of the Workspace, so that nodes follow the copies.
"""

from __future__ import annotations

from typing import Any

from llmwright.api.scaling import CPU, autoscaling_of
from llmwright.api.versions import V1BETA1
from llmwright.api.workspace import Autoscaling
from llmwright.targets.kubernetes.manifests.object_metadata import ROLE, metadata
from llmwright.targets.kubernetes.manifests.render_input import Manifest, Manifests, RenderInput

TARGET = 10.0
"""How many requests each copy is to have where nobody says it (as the threshold in KAITO's examples for KEDA)."""

HPA = ("autoscaling/v2", "HorizontalPodAutoscaler")
SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")


def autoscalers(source: RenderInput) -> Manifests:
    """Return the object that scales the server; none where nothing does, or the runtime does so itself."""
    scaling, runtime = autoscaling_of(source.workspace), source.runtime
    if scaling is None or (runtime is not None and runtime.capabilities.scales_itself):
        return ()
    names = (scaling.metric,) if scaling.metric else runtime.load_metrics if runtime is not None else ()
    api_version, kind = SCALED_OBJECT if scaling.by == "keda" else HPA
    spec = _scaled_object(source, scaling, names) if scaling.by == "keda" else _horizontal(source, scaling, names)
    about = metadata(source, source.name, {ROLE: "serving"})
    return ({"apiVersion": api_version, "kind": kind, "metadata": about, "spec": spec},)


def is_own_autoscaler(manifest: Manifest, workspace: str) -> bool:
    """Return whether it is an object of ``autoscalers``: a plugin's has another name."""
    return (manifest["apiVersion"], manifest["kind"]) in (HPA, SCALED_OBJECT) and manifest["metadata"][
        "name"
    ] == workspace


def _target(source: RenderInput) -> Manifest:
    return {"apiVersion": V1BETA1, "kind": "Workspace", "name": source.name}


def _horizontal(source: RenderInput, scaling: Autoscaling, names: tuple[str, ...]) -> Manifest:
    """Return a HorizontalPodAutoscaler's spec. Of several metrics the one that asks for more copies counts."""
    return {
        "scaleTargetRef": _target(source),
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [_metric(name, scaling) for name in names],
    }


def _metric(name: str, scaling: Autoscaling) -> Manifest:
    average = {"type": "AverageValue", "averageValue": _quantity(_per_copy(scaling))}
    if name == CPU:
        return {"type": "Resource", "resource": {"name": CPU, "target": average}}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": average}}


def _scaled_object(source: RenderInput, scaling: Autoscaling, names: tuple[str, ...]) -> Manifest:
    return {
        "scaleTargetRef": _target(source),
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        "triggers": [_load(source, scaling, names), *_activation(source, scaling)],
    }


def _load(source: RenderInput, scaling: Autoscaling, names: tuple[str, ...]) -> Manifest:
    """Return the trigger that moves the number of copies: the sum over all pods, by the target of one."""
    target = f"{_per_copy(scaling):g}"
    if names == (CPU,):
        return {"type": CPU, "metricType": "AverageValue", "metadata": {"value": _quantity(_per_copy(scaling))}}
    which = "|".join(map(_literally, names))
    pods = f'namespace="{source.namespace}",pod=~"{source.name}-[0-9]+"'
    query = f'sum({{__name__=~"{which}",{pods}}})'
    return {**_prometheus(source, query, target), "metricType": "AverageValue"}


def _activation(source: RenderInput, scaling: Autoscaling) -> Manifests:
    """Return the trigger that wakes the server from no copy: it asks for one, and never for a second."""
    if not scaling.activation_query:
        return ()
    trigger = _prometheus(source, f"clamp_max(sum({scaling.activation_query}), 1)", "1")
    return ({**trigger, "metadata": {**trigger["metadata"], "activationThreshold": "0"}},)


def _prometheus(source: RenderInput, query: str, threshold: str) -> dict[str, Any]:
    address = source.settings.prometheus or ""
    return {"type": "prometheus", "metadata": {"serverAddress": address, "query": query, "threshold": threshold}}


def _literally(name: str) -> str:
    """Return ``name`` as a regular expression of Prometheus that means the name alone."""
    return "".join(letter if letter.isalnum() or letter in "_:" else f"[{letter}]" for letter in name)


def _per_copy(scaling: Autoscaling) -> float:
    return scaling.target if scaling.target is not None else TARGET


def _quantity(number: float) -> str:
    """Return a number as the API server writes quantities."""
    return str(int(number)) if number == int(number) else f"{round(number * 1000)}m"
