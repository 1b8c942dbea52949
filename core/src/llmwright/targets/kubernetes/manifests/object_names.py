"""Names of things in a pod and around it."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.render_input import RenderInput
from llmwright.values.launch import Process, Volume

ADAPTERS = "/mnt/adapter"
"""Below it lies one directory per adapter."""

ADAPTER_VOLUME = "adapter-volume"

_VOLUMES = {
    "model": "model-weights-volume",
    "config": "config-volume",
    "data": "data-volume",
    "results": "results-volume",
}
_CONTAINERS = {"fetch-data": "data-downloader", "push": "pusher"}


def headless(rendering: RenderInput) -> str:
    """The Service that gives each pod a name."""
    return f"{rendering.name}-headless"


def leader(rendering: RenderInput) -> str:
    """The DNS name of the first pod."""
    return f"{rendering.name}-0.{headless(rendering)}.{rendering.namespace}.svc.cluster.local"


def volume(found: Volume) -> str:
    """KAITO's name of a volume, where it has one."""
    if found.name.startswith("adapter-"):
        return f"{ADAPTER_VOLUME}-{found.name.removeprefix('adapter-')}"
    return _VOLUMES.get(found.name, found.name)


def container(process: Process) -> str:
    """KAITO's name of a container beside the main one, where it has one."""
    if process.name.startswith("pull-") and any(mount.path.startswith(ADAPTERS) for mount in process.mounts):
        return f"puller-{process.name.removeprefix('pull-')}"
    if process.name == "fetch-data" and "pull" in process.argv:
        return "puller"
    return _CONTAINERS.get(process.name, process.name)
