"""A Kubernetes object as a tree in which what means the same looks the same.

Lists of named things become mappings by that name, a volume stands where it is mounted, defaults of the API server are
filled in, a command is a program with flags. So neither the order of a list nor the name of a volume counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.conformance.manifest_commands import PARSED, read_command

Tree = dict[str, Any]

KEYS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "env": lambda item: item["name"],
    "ports": lambda item: str(item.get("port", item.get("containerPort"))),
    "imagePullSecrets": lambda item: item["name"],
    "ownerReferences": lambda item: f"{item['kind']}/{item['name']}",
    "matchExpressions": lambda item: item["key"],
    "requirements": lambda item: item["key"],
    "taints": lambda item: item["key"],
    "tolerations": lambda item: item["key"],
    "sources": lambda item: item.get("secret", {}).get("name", "source"),
    "items": lambda item: item["key"],
    "volumeClaimTemplates": lambda item: item["metadata"]["name"],
}
"""By what an item of a list is known."""

PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3, "successThreshold": 1}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "startupProbe": PROBE,
    "ports": {"protocol": "TCP"},
    "tolerations": {"operator": "Equal"},
}
"""What the API server fills in, by the field that it is filled into."""


def tree_of(found: Any, field: str = "", respell: Callable[[Tree], Tree] = dict) -> Any:
    """``found`` as such a tree; ``respell`` has the last word on each container."""
    if isinstance(found, Mapping):
        return _mapping(found, field, respell)
    if isinstance(found, Sequence) and not isinstance(found, str):
        return _items(found, field, respell)
    return found


def _mapping(found: Mapping[str, Any], field: str, respell: Callable[[Tree], Tree]) -> Tree:
    found = {**DEFAULTS.get(field, {}), **found}
    if "containers" in found:
        return _pod(found, respell)
    if field == "exec":
        return read_command(found)
    return {key: tree_of(value, key, respell) for key, value in found.items() if value is not None}


def _items(found: Sequence[Any], field: str, respell: Callable[[Tree], Tree]) -> Any:
    if field not in KEYS:
        items = [tree_of(item, field, respell) for item in found]
        return {str(n): item for n, item in enumerate(items)} if any(isinstance(i, Mapping) for i in found) else items
    named: Tree = {}
    for item in found:
        key = KEYS[field](item)
        named[key if key not in named else f"{key}#{len(named)}"] = _less_name(tree_of(item, field, respell), field)
    return named


def _less_name(item: Tree, field: str) -> Tree:
    return {key: value for key, value in item.items() if key != "name"} if field == "env" else item


def _pod(spec: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Tree:
    volumes = {one["name"]: _source(one, respell) for one in spec.get("volumes", ())}
    containers: Tree = {}
    for place in ("initContainers", "containers"):
        for one in spec.get(place) or ():
            containers[one["name"]] = {"place": place, **respell(_container(one, volumes, respell))}
    mounted = {mount["name"] for place in ("initContainers", "containers") for one in spec.get(place) or ()
               for mount in one.get("volumeMounts", ())}  # fmt: skip
    idle = {name: source for name, source in volumes.items() if name not in mounted}
    rest = {key: value for key, value in spec.items() if key not in ("volumes", "initContainers", "containers")}
    found: Tree = {"containers": containers, **{key: tree_of(value, key, respell) for key, value in rest.items()}}
    return {**found, **({"unmounted": idle} if idle else {})}


def _source(volume: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Any:
    return tree_of({key: value for key, value in volume.items() if key != "name"}, "", respell)


def _container(one: Mapping[str, Any], volumes: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Tree:
    skipped = {"name", "command", "args", "volumeMounts", *PARSED}
    found = {key: tree_of(value, key, respell) for key, value in one.items() if key not in skipped}
    mounts = {
        mount["mountPath"]: {
            "volume": volumes.get(mount["name"], {"claim": mount["name"]}),
            **{key: value for key, value in mount.items() if key not in ("name", "mountPath")},
        }
        for mount in one.get("volumeMounts", ())
    }
    return {**found, **read_command(one), **({"mounts": mounts} if mounts else {})}
