"""Jobs: the one that tunes, and the one that checks beforehand."""

from __future__ import annotations

from typing import Any

from llmwright.targets.kubernetes.manifests import tolerations
from llmwright.targets.kubernetes.manifests.affinity import affinity
from llmwright.targets.kubernetes.manifests.cache import with_cache
from llmwright.targets.kubernetes.manifests.container import container, main_container
from llmwright.targets.kubernetes.manifests.object_metadata import metadata, selector, workload_annotations
from llmwright.targets.kubernetes.manifests.pod_template import pull_secrets, template
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.volumes import volumes
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
PREFLIGHT_RETRIES = 2


def tuning_job(rendering: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifest:
    """Fetches, tunes and delivers, on the nodes that were bought for it."""
    pod = {
        **_steps(rendering, with_cache(launch)),
        "runtimeClassName": rendering.placement.runtime_class,
        "affinity": affinity(nodes.selector),
        "tolerations": tolerations.tuning(rendering),
    }
    return _job(rendering, rendering.name, launch, {"template": _template(rendering, pod)})


def preflight_job(rendering: RenderInput, launch: Launch) -> Manifest:
    """Checks what can be known before a node is bought, anywhere in the cluster."""
    spec = {"backoffLimit": PREFLIGHT_RETRIES, "template": _template(rendering, _steps(rendering, launch))}
    return _job(rendering, f"{rendering.name}-preflight", launch, spec)


def _job(rendering: RenderInput, name: str, launch: Launch, spec: Manifest) -> Manifest:
    about = metadata(rendering, name, workload_annotations(rendering, launch.digest))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}


def _template(rendering: RenderInput, pod: dict[str, Any]) -> Manifest:
    return template(rendering, selector(rendering), pod, {DEFAULT_CONTAINER: rendering.name})


def _steps(rendering: RenderInput, launch: Launch) -> dict[str, Any]:
    """All processes in order: the kubelet starts none before the one ahead of it has succeeded.

    So what delivers never waits for a result that will not come, and no container sees another's secrets.
    """
    before = [container(rendering, launch, process) for process in launch.prepare]
    after = [container(rendering, launch, process) for process in launch.after]
    steps = [*before, main_container(rendering, launch), *after]
    return {
        "volumes": volumes(launch),
        "initContainers": steps[:-1],
        "containers": steps[-1:],
        "restartPolicy": "Never",
        "imagePullSecrets": pull_secrets(_secrets(rendering)),
    }


def _secrets(rendering: RenderInput) -> list[str]:
    tuning = rendering.workspace.tuning
    if tuning is None:
        return []
    pulled = tuning.input.image_pull_secrets if tuning.input else []
    preset = tuning.preset.preset_options.image_pull_secrets if tuning.preset else []
    return [*pulled, *([tuning.output.image_push_secret] if tuning.output else []), *preset]
