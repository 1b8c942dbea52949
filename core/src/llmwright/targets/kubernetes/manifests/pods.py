"""Pod templates of the workloads: serving, tuning, preflight, and a user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from llmwright.plugins.weights import MODEL_VOLUME
from llmwright.sizing.pod_resources import PodResources
from llmwright.targets.kubernetes.manifests.container import container, main_container
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL, pod_labels
from llmwright.targets.kubernetes.manifests.pod_resources import SMALL, with_resources
from llmwright.targets.kubernetes.manifests.pod_security import restricted
from llmwright.targets.kubernetes.manifests.progress_port import with_progress_port
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.scheduling import (
    gpu_resource,
    node_affinity,
    serving_tolerations,
    tuning_tolerations,
)
from llmwright.targets.kubernetes.manifests.strategic_merge import for_init_containers, merged
from llmwright.targets.kubernetes.manifests.volumes import (
    in_own_folder,
    volumes,
    with_checkpoint_volume,
    with_weights_volume,
)
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

UNDISTURBED = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Annotations that keep what makes and removes nodes from moving a pod (the documentation of Karpenter and of the
cluster autoscaler). Whoever makes the nodes, a tuning that is evicted loses all since its last checkpoint."""


def serving_pod(source: RenderInput, launch: Launch, nodes: NodeRequest, *, claimed: bool) -> Manifest:
    """Return the template of a pod that serves.

    Args:
        launch: with a volume for weights.
        claimed: whether that volume is a claim, and so no volume of the pod itself.
    """
    launch = with_progress_port(launch)
    needs = source.resources("serving")
    beside = [container(source, launch, process) for process in launch.beside]
    spec = {
        "volumes": volumes(launch, frozenset({MODEL_VOLUME}) if claimed else frozenset()),
        "initContainers": with_resources([container(source, launch, step) for step in launch.prepare], needs),
        "containers": [*with_resources([main_container(source, launch)], needs), *with_resources(beside, SMALL)],
        "runtimeClassName": source.placement.runtime_class,
        "imagePullSecrets": _pull_secrets(_serving_secrets(source)),
        "affinity": node_affinity(nodes.selector, source.placement.selector),
        "tolerations": _serving_tolerations(source),
    }
    return _template(source, pod_labels(source), spec)


def tuning_pod(source: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifest:
    """Return the template of a pod that fetches data, tunes and delivers the result."""
    tells = with_progress_port(launch, tunes=True)
    complete = with_checkpoint_volume(with_weights_volume(tells, source.settings), source.settings)
    steps = _steps(source, complete, source.resources("tuning"))
    folder = f"{source.namespace}/{source.name}"
    own = {
        part: in_own_folder(steps[part], complete, source.settings, folder) for part in ("initContainers", "containers")
    }
    spec = {
        **steps,
        **own,
        "runtimeClassName": source.placement.runtime_class,
        "affinity": node_affinity(nodes.selector, source.placement.selector),
        "tolerations": tuning_tolerations(source.settings.cloud, source.placement),
    }
    return _job_template(source, spec, UNDISTURBED)


def preflight_pod(source: RenderInput, launch: Launch) -> Manifest:
    """Return the template of a pod that checks before a node is bought. It may run anywhere in the cluster."""
    return _job_template(source, _steps(source, launch, SMALL))


def users_pod(source: RenderInput, template: Mapping[str, Any]) -> Manifest:
    """Return ``inference.template`` with our label, affinity and tolerations, and without a token nobody asked for."""
    pod = deepcopy(dict(template))
    about = pod.get("metadata") or {}
    pod["metadata"] = {**about, "labels": {**(about.get("labels") or {}), WORKSPACE_LABEL: source.name}}
    spec = pod.get("spec") or {}
    selected = source.workspace.resource.label_selector
    affinity = node_affinity(selected.match_labels if selected else {}, source.placement.selector)
    placed = {key: value for key, value in spec.items() if key != "affinity"}
    placed["tolerations"] = [*(spec.get("tolerations") or []), *_serving_tolerations(source)]
    if not source.settings.privileged_templates and placed.get("automountServiceAccountToken") is None:
        # Whoever wrote the Workspace may not be one to whom the rights of the namespace's account were given.
        placed["automountServiceAccountToken"] = False
    pod["spec"] = {**placed, "affinity": affinity} if affinity else placed
    return pod


def _serving_tolerations(source: RenderInput) -> list[Manifest]:
    resource = gpu_resource(source.workspace, source.placement)
    return serving_tolerations(source.settings.cloud, source.placement, resource)


def _job_template(
    source: RenderInput, spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None
) -> Manifest:
    return _template(source, pod_labels(source), spec, {DEFAULT_CONTAINER: source.name, **(annotations or {})})


def _steps(source: RenderInput, launch: Launch, needs: PodResources | None) -> dict[str, Any]:
    """Return the part of a Job's pod spec that runs all processes one after the other.

    All but the last are init containers: the kubelet starts each only after the one before it has succeeded. So the
    delivery never waits for a result that will not come, and no container sees the secrets of another.
    """
    before = [container(source, launch, process) for process in launch.prepare]
    after = [container(source, launch, process) for process in launch.after]
    steps = with_resources([*before, main_container(source, launch), *after], needs)
    return {
        "volumes": volumes(launch),
        "initContainers": steps[:-1],
        "containers": steps[-1:],
        "restartPolicy": "Never",
        "imagePullSecrets": _pull_secrets(_tuning_secrets(source)),
    }


def _serving_secrets(source: RenderInput) -> list[str]:
    """Return the pull secrets of adapters' images and of a private preset's image."""
    inference = source.workspace.inference
    adapters = inference.adapters if inference else []
    secrets = [name for adapter in adapters if adapter.source for name in adapter.source.image_pull_secrets]
    preset = source.workspace.preset
    return [*secrets, *(preset.preset_options.image_pull_secrets if preset else [])]


def _tuning_secrets(source: RenderInput) -> list[str]:
    tuning = source.workspace.tuning
    if tuning is None:
        return []
    pulled = tuning.input.image_pull_secrets if tuning.input else []
    preset = tuning.preset.preset_options.image_pull_secrets if tuning.preset else []
    return [*pulled, *([tuning.output.image_push_secret] if tuning.output else []), *preset]


def _pull_secrets(names: Iterable[str]) -> list[Manifest]:
    return [{"name": name} for name in dict.fromkeys(names) if name]


def _template(
    source: RenderInput,
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a pod template as Pod Security asks for it, with the settings' overlay; empty fields are left out."""
    if source.settings.pod_security == "restricted":
        spec = restricted(spec, user=source.user, group=source.group)
    # No program of ours, and no engine, asks the API server for anything.
    spec = {**spec, "automountServiceAccountToken": False}
    present = {key: value for key, value in spec.items() if value not in (None, [], {})}
    about: Manifest = {"labels": dict(labels), **({"annotations": dict(annotations)} if annotations else {})}
    return _overlaid({"metadata": about, "spec": present}, source.settings.pods, labels)


def _overlaid(pod: Manifest, overlay: Mapping[str, Any], labels: Mapping[str, str]) -> Manifest:
    """Return ``pod`` with ``overlay``, which is a pod template or only its spec. No overlay changes a selector's label.

    A label of the selector that changed would cut the workload off from its own pods.
    """
    if not overlay:
        return pod
    whole = overlay if overlay.keys() & {"metadata", "spec"} else {"spec": overlay}
    result: Manifest = merged(pod, for_init_containers(whole))
    result["metadata"]["labels"] |= labels
    return result
