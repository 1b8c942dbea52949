"""The StatefulSet that serves."""

from __future__ import annotations

from typing import Any

from llmwright.plugins.weights import MODEL_VOLUME
from llmwright.targets.kubernetes.manifests import object_names, tolerations
from llmwright.targets.kubernetes.manifests.affinity import affinity
from llmwright.targets.kubernetes.manifests.cache import with_cache
from llmwright.targets.kubernetes.manifests.container import container, main_container
from llmwright.targets.kubernetes.manifests.object_metadata import (
    WORKSPACE_LABEL,
    metadata,
    selector,
    workload_annotations,
)
from llmwright.targets.kubernetes.manifests.pod_template import pull_secrets, template
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.volumes import volumes
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

GIB = 1024**3


def statefulset(rendering: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifest:
    """One pod on each node."""
    complete = with_cache(launch)
    claims = _claims(rendering, launch, nodes)
    labels = selector(rendering)
    spec: Manifest = {
        "replicas": nodes.count,
        "serviceName": object_names.headless(rendering),
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "selector": {"matchLabels": labels},
        "template": template(rendering, labels, _pod(rendering, complete, nodes, claimed=bool(claims))),
    }
    if claims:
        spec["volumeClaimTemplates"] = claims
    about = metadata(rendering, rendering.name, workload_annotations(rendering, launch.digest))
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": about, "spec": spec}


def _pod(rendering: RenderInput, launch: Launch, nodes: NodeRequest, *, claimed: bool) -> dict[str, Any]:
    beside = [container(rendering, launch, process) for process in launch.beside]
    return {
        "volumes": volumes(launch, frozenset({MODEL_VOLUME}) if claimed else frozenset()),
        "initContainers": [container(rendering, launch, process) for process in launch.prepare],
        "containers": [main_container(rendering, launch), *beside],
        "runtimeClassName": rendering.placement.runtime_class,
        "imagePullSecrets": pull_secrets(_secrets(rendering)),
        "affinity": affinity(nodes.selector, rendering.placement.selector),
        "tolerations": tolerations.serving(rendering),
    }


def _secrets(rendering: RenderInput) -> list[str]:
    """Those of adapters' images and of a private preset's."""
    inference = rendering.workspace.inference
    adapters = inference.adapters if inference else []
    found = [name for one in adapters if one.source for name in one.source.image_pull_secrets]
    preset = rendering.workspace.preset
    return [*found, *(preset.preset_options.image_pull_secrets if preset else [])]


def _claims(rendering: RenderInput, launch: Launch, nodes: NodeRequest) -> list[Manifest]:
    """Weights on the node's own fast disk, where it has one and the cluster gives it out."""
    model = next((volume for volume in launch.volumes if volume.name == MODEL_VOLUME), None)
    fast = nodes.instance_type is not None and nodes.instance_type.nvme and nodes.disk_bytes > 0
    if model is None or model.kind != "scratch" or rendering.settings.disk_class is None or not fast:
        return []
    size = f"{-(-nodes.disk_bytes // GIB)}Gi"
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": rendering.settings.disk_class,
        "resources": {"requests": {"storage": size}},
    }
    about = {"name": object_names.volume(model), "labels": {WORKSPACE_LABEL: rendering.name}}
    return [{"metadata": about, "spec": spec}]
