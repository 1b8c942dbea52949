"""Volumes of a pod: their sources, their mounts in containers, and the claim for weights on the node's disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from llmwright.plugins.weights import MODEL_VOLUME, PULL_MODEL
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests.object_names import ADAPTER_VOLUME, ADAPTERS, volume_name
from llmwright.values.launch import Launch, Mount, Process, Volume
from llmwright.values.nodes import NodeRequest

CACHE = "/workspace/weights"
DATA = "data"
RESULTS = "results"
GIB = 1024**3

_REGISTRY_KEY = ".dockerconfigjson"
_SOLE_SECRET = "docker-config"  # noqa: S105 - a volume's name


def with_weights_volume(launch: Launch, settings: Settings) -> Launch:
    """Return ``launch`` with a volume for the weights that ``main`` downloads, unless the driver declares one.

    The model hub's cache lies there too, and so never in the container's own layer. Where the settings say so, it is
    a volume that outlives the pod, and weights in an image are mounted instead of pulled.
    """
    if any(volume.name == MODEL_VOLUME for volume in launch.volumes):
        pull = next((process for process in launch.prepare if process.name == PULL_MODEL), None)
        if pull is None:
            return _kept(launch, settings)
        return _mounted(launch, pull) if settings.image_volumes else launch
    main = replace(
        launch.main,
        mounts=(*launch.main.mounts, Mount(volume=MODEL_VOLUME, path=CACHE)),
        env={**launch.main.env, "HF_HOME": CACHE},
    )
    return _kept(replace(launch, main=main, volumes=(*launch.volumes, Volume(name=MODEL_VOLUME))), settings)


def _kept(launch: Launch, settings: Settings) -> Launch:
    """Return ``launch`` with the settings' volume for what is downloaded. In it each model has a folder of its own."""
    if settings.weights_volume is None:
        return launch
    kept = Volume(name=MODEL_VOLUME, kind="volume_source", source=settings.weights_volume)
    volumes = tuple(kept if volume == Volume(name=MODEL_VOLUME) else volume for volume in launch.volumes)
    return replace(launch, volumes=volumes)


def with_checkpoint_volume(launch: Launch, settings: Settings) -> Launch:
    """Return ``launch`` with the settings' volume for the results of tuning, unless the user names one for them."""
    if settings.checkpoint_volume is None:
        return launch
    kept = Volume(name=RESULTS, kind="volume_source", source=settings.checkpoint_volume)
    volumes = tuple(kept if volume == Volume(name=RESULTS) else volume for volume in launch.volumes)
    return replace(launch, volumes=volumes)


def in_own_folder(
    containers: Iterable[dict[str, Any]], launch: Launch, settings: Settings, folder: str
) -> list[dict[str, Any]]:
    """Return ``containers`` with ``folder`` of the settings' volume in place of the volume, which many share."""
    results = next((volume for volume in launch.volumes if volume.name == RESULTS), None)
    if results is None or settings.checkpoint_volume is None or results.source != settings.checkpoint_volume:
        return list(containers)
    name = volume_name(results)

    def placed(container: dict[str, Any]) -> dict[str, Any]:
        mounted = [
            {**mount, "subPath": folder} if mount["name"] == name else mount
            for mount in container.get("volumeMounts", ())
        ]
        return {**container, "volumeMounts": mounted} if mounted else container

    return [placed(container) for container in containers]


def _mounted(launch: Launch, pull: Process) -> Launch:
    """Return ``launch`` with the image that ``pull`` would bring as a volume, and without that process."""
    reference = pull.argv[pull.argv.index("--reference") + 1]
    image = Volume(name=MODEL_VOLUME, kind="volume_source", source={"image": {"reference": reference}})
    volumes = tuple(image if volume.name == MODEL_VOLUME else volume for volume in launch.volumes)
    logins = {mount.volume for mount in pull.mounts} - {MODEL_VOLUME}
    prepare = tuple(process for process in launch.prepare if process is not pull)
    rest = replace(launch, prepare=prepare, volumes=volumes)
    mounted = {mount.volume for process in rest.processes for mount in process.mounts}
    return replace(rest, volumes=tuple(v for v in volumes if v.name not in logins or v.name in mounted))


def weights_claim(launch: Launch, nodes: NodeRequest, disk_class: str | None) -> dict[str, Any] | None:
    """Return the spec of a claim for weights on the node's own fast disk.

    None where the node has no such disk, where the cluster has no storage class for it (``disk_class``), or where the
    driver wants another kind of volume.
    """
    model = next((volume for volume in launch.volumes if volume.name == MODEL_VOLUME), None)
    fast = nodes.instance_type is not None and nodes.instance_type.nvme and nodes.disk_bytes > 0
    if model is None or model.kind != "scratch" or disk_class is None or not fast:
        return None
    size = f"{-(-nodes.disk_bytes // GIB)}Gi"
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": disk_class,
        "resources": {"requests": {"storage": size}},
    }


def volumes(launch: Launch, claimed: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return the ``volumes`` of the pod without the ``claimed`` ones. All adapters that are pulled share one volume."""
    shared = _shared(launch)
    kept = [volume for volume in launch.volumes if volume.name not in shared | claimed]
    rendered = [{"name": volume_name(volume), **_source(volume)} for volume in kept]
    return [*rendered, {"name": ADAPTER_VOLUME, "emptyDir": {}}] if shared else rendered


def mounts(process: Process, launch: Launch) -> list[dict[str, Any]]:
    """Return the ``volumeMounts`` of a container."""
    return list(_mounts(process, launch))


def _mounts(process: Process, launch: Launch) -> Iterator[dict[str, Any]]:
    shared, declared, mounted = _shared(launch), {volume.name: volume for volume in launch.volumes}, False
    for mount in process.mounts:
        if mount.volume not in shared:
            yield _mount(declared[mount.volume], mount)
        elif not mounted:
            mounted = True
            # Never read-only: the runtime makes the directories of further adapters' volumes in it.
            yield {"name": ADAPTER_VOLUME, "mountPath": ADAPTERS}


def _mount(volume: Volume, mount: Mount) -> dict[str, Any]:
    rendered = {"name": volume_name(volume), "mountPath": mount.path, **({"readOnly": True} if mount.read_only else {})}
    # An image's files lie below /data, where an adapter's and a data set's do.
    in_image = volume.kind == "volume_source" and "image" in volume.source
    return {**rendered, "subPath": DATA} if in_image else rendered


def _shared(launch: Launch) -> frozenset[str]:
    """Return the scratch volumes that are mounted only below the directory of all adapters."""
    scratch = {volume.name for volume in launch.volumes if volume.kind == "scratch"}
    paths, adapters = _paths(launch.processes), f"{ADAPTERS}/"
    return frozenset(name for name in scratch if paths.get(name) and all(p.startswith(adapters) for p in paths[name]))


def _paths(processes: Iterable[Process]) -> dict[str, set[str]]:
    """Return all mount paths of each volume."""
    paths: dict[str, set[str]] = {}
    for process in processes:
        for mount in process.mounts:
            paths.setdefault(mount.volume, set()).add(mount.path)
    return paths


def _source(volume: Volume) -> dict[str, Any]:
    match volume.kind:
        case "memory":
            return {"emptyDir": {"medium": "Memory"}}
        case "config":
            return {"configMap": {"name": volume.source}}
        case "directory":
            return {"hostPath": {"path": str(volume.source)}}
        case "volume_source":
            return dict(volume.source)
        case "secret":
            return {"projected": {"sources": [_secret(name, volume.name) for name in volume.source]}}
        case _:
            return {"emptyDir": {}}


def _secret(name: str, volume: str) -> dict[str, Any]:
    path = "config.json" if volume == _SOLE_SECRET else f"{name}.json"
    return {"secret": {"name": name, "items": [{"key": _REGISTRY_KEY, "path": path}]}}


def mounts_an_image(launch: Launch, settings: Settings) -> bool:
    """Return whether its pods get a volume that is an image: with the weights, or as the user wants it."""
    complete = with_weights_volume(launch, settings)
    return any(volume.kind == "volume_source" and "image" in volume.source for volume in complete.volumes)
