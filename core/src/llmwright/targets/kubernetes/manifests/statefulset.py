"""The StatefulSet that serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.plugins.weights import MODEL_VOLUME
from llmwright.targets.kubernetes.manifests.object_metadata import (
    INPUTS,
    WORKSPACE_LABEL,
    metadata,
    pod_labels,
    workload_annotations,
)
from llmwright.targets.kubernetes.manifests.object_names import headless_service_name, volume_name
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.values.launch import Volume


def statefulset(
    source: RenderInput, launch_digest: str, pod: Manifest, replicas: int, weights: Mapping[str, Any] | None
) -> Manifest:
    """Return a StatefulSet with one pod on each node.

    Args:
        weights: the spec of each pod's claim for weights; None where weights lie in a volume of the pod.
    """
    spec: Manifest = {
        "replicas": replicas,
        "serviceName": headless_service_name(source.name),
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "selector": {"matchLabels": pod_labels(source)},
        "template": pod,
    }
    if weights:
        about = {"name": volume_name(Volume(name=MODEL_VOLUME)), "labels": {WORKSPACE_LABEL: source.name}}
        spec["volumeClaimTemplates"] = [{"metadata": about, "spec": dict(weights)}]
    return _statefulset(metadata(source, source.name, workload_annotations(source, launch_digest)), spec)


def users_statefulset(source: RenderInput, pod: Manifest, replicas: int) -> Manifest:
    """Return the StatefulSet of ``inference.template``."""
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {WORKSPACE_LABEL: source.name}},
        "template": pod,
    }
    return _statefulset(metadata(source, source.name, {INPUTS: source.inputs} if source.inputs else None), spec)


def _statefulset(about: Manifest, spec: Manifest) -> Manifest:
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": about, "spec": spec}
