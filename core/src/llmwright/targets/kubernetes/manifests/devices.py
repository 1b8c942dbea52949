"""GPUs as Kubernetes counts them."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

GPU = "nvidia.com/gpu"


def resource(rendering: RenderInput) -> str:
    """The resource to ask for: whole GPUs, or slices of the profile that the Workspace names."""
    partition = rendering.workspace.resource.partition
    if partition is not None and partition.mode == "mig":
        return f"nvidia.com/mig-{partition.profile}"
    return rendering.placement.gpu_resource


def resources(rendering: RenderInput, gpus: int) -> Manifest | None:
    """Requests and limits; None without GPUs."""
    if gpus == 0:
        return None
    amount = {resource(rendering): str(gpus)}
    return {"limits": dict(amount), "requests": dict(amount)}
