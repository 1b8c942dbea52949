"""Volumes of a pod, and where its containers see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llmwright.targets.kubernetes.manifests import object_names
from llmwright.targets.kubernetes.manifests.render_input import Manifest
from llmwright.values.launch import Launch, Mount, Process, Volume

_REGISTRY_KEY = ".dockerconfigjson"
_SOLE_SECRET = "docker-config"  # noqa: S105 - a volume's name


def volumes(launch: Launch, less: frozenset[str] = frozenset()) -> list[Manifest]:
    """``volumes`` of the pod but those that are claimed; adapters that are pulled share one."""
    shared = _shared(launch)
    kept = [found for found in launch.volumes if found.name not in shared | less]
    rendered = [{"name": object_names.volume(found), **_source(found)} for found in kept]
    return [*rendered, {"name": object_names.ADAPTER_VOLUME, "emptyDir": {}}] if shared else rendered


def mounts(process: Process, launch: Launch) -> list[Manifest]:
    """``volumeMounts`` of one container."""
    return list(_mounts(process, launch))


def _mounts(process: Process, launch: Launch) -> Iterator[Manifest]:
    shared, declared, seen = _shared(launch), {found.name: found for found in launch.volumes}, False
    for mount in process.mounts:
        if mount.volume not in shared:
            yield _mount(object_names.volume(declared[mount.volume]), mount)
        elif not seen:
            seen = True
            # Never read-only: the runtime makes the directories of further adapters' volumes in it.
            yield {"name": object_names.ADAPTER_VOLUME, "mountPath": object_names.ADAPTERS}


def _mount(name: str, mount: Mount) -> Manifest:
    return {"name": name, "mountPath": mount.path, **_read_only(mount)}


def _read_only(mount: Mount) -> Manifest:
    return {"readOnly": True} if mount.read_only else {}


def _shared(launch: Launch) -> frozenset[str]:
    """Scratch volumes that are mounted below the directory of all adapters and nowhere else."""
    scratch = {found.name for found in launch.volumes if found.kind == "scratch"}
    paths = _paths(launch.processes)
    return frozenset(
        name
        for name in scratch
        if paths.get(name) and all(p.startswith(f"{object_names.ADAPTERS}/") for p in paths[name])
    )


def _paths(processes: Iterable[Process]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for process in processes:
        for mount in process.mounts:
            found.setdefault(mount.volume, set()).add(mount.path)
    return found


def _source(found: Volume) -> Manifest:
    match found.kind:
        case "memory":
            return {"emptyDir": {"medium": "Memory"}}
        case "config":
            return {"configMap": {"name": found.source}}
        case "directory":
            return {"hostPath": {"path": str(found.source)}}
        case "volume_source":
            return dict(found.source)
        case "secret":
            return {"projected": {"sources": [_secret(name, found.name) for name in found.source]}}
        case _:
            return {"emptyDir": {}}


def _secret(name: str, volume: str) -> Manifest:
    path = "config.json" if volume == _SOLE_SECRET else f"{name}.json"
    return {"secret": {"name": name, "items": [{"key": _REGISTRY_KEY, "path": path}]}}
