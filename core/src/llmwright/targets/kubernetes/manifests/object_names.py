"""Names of objects, containers and volumes: KAITO's name wherever KAITO has one."""

from __future__ import annotations

from llmwright.values.launch import Process, Volume

ADAPTERS = "/mnt/adapter"
"""The directory of all adapters in a container. Each adapter has a directory of its own in it."""

ADAPTER_VOLUME = "adapter-volume"

_VOLUMES = {
    "model": "model-weights-volume",
    "config": "config-volume",
    "data": "data-volume",
    "results": "results-volume",
}
_CONTAINERS = {"fetch-data": "data-downloader", "push": "pusher"}


def headless_service_name(workspace: str) -> str:
    """Return the name of the Service that gives each pod a DNS name."""
    return f"{workspace}-headless"


def leader_address(workspace: str, namespace: str) -> str:
    """Return the DNS name of the first pod."""
    return f"{workspace}-0.{headless_service_name(workspace)}.{namespace}.svc.cluster.local"


def preflight_job_name(workspace: str) -> str:
    """Return the name of the preflight Job."""
    return f"{workspace}-preflight"


def volume_name(volume: Volume) -> str:
    """Return the name of a pod's volume."""
    if volume.name.startswith("adapter-"):
        return f"{ADAPTER_VOLUME}-{volume.name.removeprefix('adapter-')}"
    return _VOLUMES.get(volume.name, volume.name)


def container_name(process: Process) -> str:
    """Return the name of a container that is not the main one."""
    if process.name.startswith("pull-") and any(mount.path.startswith(ADAPTERS) for mount in process.mounts):
        return f"puller-{process.name.removeprefix('pull-')}"
    if process.name == "fetch-data" and "pull" in process.argv:
        return "puller"
    return _CONTAINERS.get(process.name, process.name)
