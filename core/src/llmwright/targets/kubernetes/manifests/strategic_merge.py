"""A strategic merge, as ``kubectl patch`` does it: mappings deep, lists of named things by their key."""

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
"""By what items of a list are the same (``patchMergeKey`` of the Kubernetes API); other lists are replaced."""

ALL = "*"
"""The name of an overlaid container that means each one."""


def merged(base: Any, overlay: Any, field: str = "") -> Any:
    """``overlay`` laid over ``base``; null removes a key."""
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        return _mapping(base, overlay)
    if field in KEYS and isinstance(base, Sequence) and isinstance(overlay, Sequence):
        return _items(base, overlay, KEYS[field])
    if field == "tolerations" and isinstance(base, Sequence):
        return [*base, *(item for item in overlay if item not in base)]
    return overlay


def _mapping(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in base.items() if overlay.get(key, value) is not None}
    for key, value in overlay.items():
        if value is not None:
            found[key] = merged(found[key], value, key) if key in found else _without_all(value, key)
    return found


def _items(base: Sequence[Any], overlay: Sequence[Any], keys: tuple[str, ...]) -> list[Any]:
    general = [item for item in overlay if item.get("name") == ALL]
    found = list(base)
    for item in general:
        found = [merged(old, {**item, "name": old["name"]}) for old in found]
    for item in (item for item in overlay if item not in general):
        place = next((n for n, old in enumerate(found) if all(old.get(key) == item.get(key) for key in keys)), None)
        if place is None:
            found.append(item)
        else:
            found[place] = merged(found[place], item)
    return found


def _without_all(value: Any, field: str) -> Any:
    """What is laid over nothing: an overlay of each container makes none."""
    if field in ("containers", "initContainers"):
        return [item for item in value if item.get("name") != ALL]
    return value
