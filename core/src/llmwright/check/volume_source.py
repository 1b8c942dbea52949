"""Volumes that a Workspace brings: one kind each, with what the API server wants of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmwright.api.pod_schema import form_problems, volume_kinds
from llmwright.api.workspace import Workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.kubernetes_names import label_problem, subdomain_problem
from llmwright.errors import Problem, meant, nearest

SUBDOMAINS = (
    *("persistentVolumeClaim.claimName", "configMap.name", "secret.secretName", "csi.driver"),
    *("azureFile.secretName", "csi.nodePublishSecretRef.name"),
)
"""Names of other objects. The API server takes any name here, but no object can have it."""

REQUIRED = (
    *("configMap.name", "secret.secretName", "ephemeral.volumeClaimTemplate", "csi.driver", "hostPath.path"),
    *("persistentVolumeClaim.claimName", "nfs.server", "nfs.path", "azureFile.secretName", "azureFile.shareName"),
)
"""Fields that may not be empty, whatever the schema says."""

DISK_URI = ("https://", "/subscriptions/")
"""The beginning of ``azureDisk.diskURI`` for a disk that is not managed, and for one that is (Kubernetes 1.34)."""


def check_volume_sources(inputs: CheckInput) -> Iterator[Problem]:
    """Each volume is one that a pod can have."""
    if inputs.on_cluster:
        for path, source in volume_sources(inputs.written):
            yield from volume_problems(path, source)


def volume_sources(workspace: Workspace) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each ``volumeSource`` of a Workspace with its YAML path."""
    inference, tuning = workspace.inference, workspace.tuning
    for index, adapter in enumerate(inference.adapters if inference else ()):
        if adapter.source is not None and adapter.source.volume_source is not None:
            yield f"inference.adapters[{index}].source.volumeSource", adapter.source.volume_source
    if tuning is not None:
        for name, part in (("input", tuning.input), ("output", tuning.output)):
            if part is not None and part.volume_source is not None:
                yield f"tuning.{name}.volumeSource", part.volume_source


def volume_problems(path: str, source: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the parts of a volume's source, without its name, that an API server refuses."""
    if unknown := [str(key) for key in source if key not in volume_kinds()]:
        near = nearest(unknown[0], volume_kinds())
        yield _wrong(f"{path}.{unknown[0]}", "is no kind of volume of Kubernetes", meant(near) if near else "")
        return
    kinds = [kind for kind in source if source[kind] is not None]
    if len(kinds) > 1:
        yield _wrong(path, f"is more than one kind of volume: {', '.join(kinds)}", "keep one")
    # Kubernetes takes it for an empty directory: nothing to read is there, and what is written is lost.
    elif not kinds:
        hint = "for example persistentVolumeClaim: {claimName: data}"
        yield Problem(path, "is an empty directory of the pod", hint, severity="warning", reason="EmptyVolume")
    else:
        form = [*form_problems("Volume", {"name": "volume", **source}, path)]
        yield from form or _values(path, kinds[0], source[kinds[0]])


def pod_volume_problems(path: str, volumes: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield the faults of the volumes of a pod, each with its name; their form is right."""
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        place, name = f"{path}[{index}]", str(volume["name"])
        if wrong := label_problem(name):
            yield _wrong(f"{place}.name", f"{name!r} {wrong}")
        if name in seen:
            yield _wrong(f"{place}.name", f"{name!r} is the name of another volume")
        seen.add(name)
        source = {key: value for key, value in volume.items() if key != "name" and value is not None}
        if source:
            yield from volume_problems(place, source)


def _values(path: str, kind: str, volume: Mapping[str, Any]) -> Iterator[Problem]:
    for place, value in _placed(kind, volume, REQUIRED):
        if not value:
            yield _wrong(f"{path}.{place}", "is required")
    for place, value in _placed(kind, volume, SUBDOMAINS):
        if value and (wrong := subdomain_problem(value)):
            yield _wrong(f"{path}.{place}", f"{value!r} {wrong}")
    if kind == "nfs" and not volume["path"].startswith("/"):
        yield _wrong(f"{path}.nfs.path", "must be an absolute path")
    if kind == "hostPath" and ".." in volume["path"].split("/"):
        yield _wrong(f"{path}.hostPath.path", "must not contain '..'")
    if kind == "emptyDir" and str(volume.get("sizeLimit") or "").startswith("-"):
        yield _wrong(f"{path}.emptyDir.sizeLimit", "must not be negative")
    if kind == "azureDisk":
        yield from _disk(f"{path}.azureDisk", volume)


def _disk(path: str, disk: Mapping[str, Any]) -> Iterator[Problem]:
    beginning = DISK_URI[(disk.get("kind") or "Shared") == "Managed"]
    if not disk["diskURI"].startswith(beginning):
        hint = "a disk by its resource id wants kind: Managed"
        yield _wrong(f"{path}.diskURI", f"must begin with {beginning}", hint)


def _placed(kind: str, volume: Mapping[str, Any], places: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield those of ``places`` that lie in a volume of this kind, each with its value; an absent one has None."""
    for place in places:
        first, *names = place.split(".")
        if first == kind:
            value: Any = volume
            for name in names:
                value = value.get(name) if isinstance(value, Mapping) else None
            yield place, value


def _wrong(path: str, message: str, hint: str = "") -> Problem:
    return Problem(path, message, hint, reason="Unworkable")
