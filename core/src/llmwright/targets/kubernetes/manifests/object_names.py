"""Names of objects, containers and volumes: KAITO's name wherever KAITO has one."""

from __future__ import annotations

import re
from hashlib import sha256

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


_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\Z")
_STEM = 54
_DIGEST = 8


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
        return within_pod(f"{ADAPTER_VOLUME}-{volume.name.removeprefix('adapter-')}")
    return within_pod(_VOLUMES.get(volume.name, volume.name))


def container_name(process: Process) -> str:
    """Return the name of a container that is not the main one."""
    if process.name.startswith("pull-") and any(mount.path.startswith(ADAPTERS) for mount in process.mounts):
        return within_pod(f"puller-{process.name.removeprefix('pull-')}")
    if process.name == "fetch-data" and "pull" in process.argv:
        return "puller"
    return within_pod(_CONTAINERS.get(process.name, process.name))


def within_pod(name: str) -> str:
    """Return ``name``, which is made of an adapter's, where a container or volume can have it; else one like it.

    Both are RFC 1123 labels, and adapters' names may be longer and hold dots.
    """
    if _LABEL.match(name):
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_STEM].rstrip("-")
    return f"{stem}-{sha256(name.encode()).hexdigest()[:_DIGEST]}".lstrip("-")
