"""Strategic merge, as in ``kubectl patch``: mappings are merged deeply, lists of named items by their key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Keys by which items of a list are the same (``patchMergeKey`` of the Kubernetes API). Other lists are replaced."""

ALL = "*"
"""The name in an overlay that stands for every container, and under ``containers`` for every init container too."""

SERVERS_ONLY = frozenset({"lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports"})
"""Fields of a container that the API server refuses, or that mean nothing, in an init container."""


def merged(base: Any, overlay: Any, field: str = "") -> Any:
    """Return ``overlay`` laid over ``base``. None in the overlay removes a key.

    Args:
        field: the name of the field that holds both; it decides how lists are merged.
    """
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        return _merged_mapping(base, overlay)
    if field in KEYS and isinstance(base, Sequence) and isinstance(overlay, Sequence):
        return _merged_items(base, overlay, KEYS[field])
    if field == "tolerations" and isinstance(base, Sequence):
        return [*base, *(item for item in overlay if item not in base)]
    return overlay


def for_init_containers(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the overlay of a pod with what it says of every container said of the init containers too.

    An item of ``initContainers`` comes later, and so wins.
    """
    spec = pod.get("spec") or {}
    shared = [
        {field: value for field, value in item.items() if field not in SERVERS_ONLY}
        for item in spec.get("containers") or ()
        if item.get("name") == ALL
    ]
    if not shared:
        return pod
    return {**pod, "spec": {**spec, "initContainers": [*shared, *(spec.get("initContainers") or ())]}}


def _merged_mapping(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in base.items() if overlay.get(key, value) is not None}
    for key, value in overlay.items():
        if value is not None:
            result[key] = merged(result[key], value, key) if key in result else _without_all(value, key)
    return result


def _merged_items(base: Sequence[Any], overlay: Sequence[Any], keys: tuple[str, ...]) -> list[Any]:
    for_all = [item for item in overlay if item.get("name") == ALL]
    result = list(base)
    for item in for_all:
        result = [merged(old, {**item, "name": old["name"]}) for old in result]
    for item in (item for item in overlay if item not in for_all):
        index = next((n for n, old in enumerate(result) if all(old.get(key) == item.get(key) for key in keys)), None)
        if index is None:
            result.append(item)
        else:
            result[index] = merged(result[index], item)
    return result


def _without_all(value: Any, field: str) -> Any:
    """Return ``value`` for a field that the base lacks: an overlay for every container adds no container."""
    if field in ("containers", "initContainers"):
        return [item for item in value if item.get("name") != ALL]
    return value
