"""A Kubernetes object as a tree, such that two objects with the same meaning give the same tree.

A list of named items becomes a mapping, a volume moves to where it is mounted, the API server's defaults are filled in,
and a command becomes a program with flags. So neither the order of a list nor the name of a volume matters.
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
"""The key of an item, by the field that holds the list."""

PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3, "successThreshold": 1}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "startupProbe": PROBE,
    "ports": {"protocol": "TCP"},
    "tolerations": {"operator": "Equal"},
}
"""Defaults of the API server, by field."""


def tree_of(value: Any, field: str = "", respell: Callable[[Tree], Tree] = dict) -> Any:
    """Return an object or a part of it as a tree; ``respell`` may change each container at the end."""
    if isinstance(value, Mapping):
        return _mapping(value, field, respell)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _items(value, field, respell)
    return value


def _mapping(mapping: Mapping[str, Any], field: str, respell: Callable[[Tree], Tree]) -> Tree:
    whole = {**DEFAULTS.get(field, {}), **mapping}
    if "containers" in whole:
        return _pod(whole, respell)
    if field == "exec":
        return read_command(whole)
    return {key: tree_of(value, key, respell) for key, value in whole.items() if value is not None}


def _items(items: Sequence[Any], field: str, respell: Callable[[Tree], Tree]) -> Any:
    if field not in KEYS:
        trees = [tree_of(item, field, respell) for item in items]
        return {str(n): tree for n, tree in enumerate(trees)} if any(isinstance(i, Mapping) for i in items) else trees
    named: Tree = {}
    for item in items:
        key = KEYS[field](item)
        named[key if key not in named else f"{key}#{len(named)}"] = _without_name(tree_of(item, field, respell), field)
    return named


def _without_name(item: Tree, field: str) -> Tree:
    return {key: value for key, value in item.items() if key != "name"} if field == "env" else item


def _pod(spec: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Tree:
    volumes = {volume["name"]: _source(volume, respell) for volume in spec.get("volumes", ())}
    listed = [(place, item) for place in ("initContainers", "containers") for item in spec.get(place) or ()]
    containers: Tree = {
        item["name"]: {"place": place, **respell(_container(item, volumes, respell))} for place, item in listed
    }
    mounted = {mount["name"] for _, item in listed for mount in item.get("volumeMounts", ())}
    unmounted = {name: source for name, source in volumes.items() if name not in mounted}
    rest = {key: value for key, value in spec.items() if key not in ("volumes", "initContainers", "containers")}
    pod: Tree = {"containers": containers, **{key: tree_of(value, key, respell) for key, value in rest.items()}}
    return {**pod, **({"unmounted": unmounted} if unmounted else {})}


def _source(volume: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Any:
    return tree_of({key: value for key, value in volume.items() if key != "name"}, "", respell)


def _container(container: Mapping[str, Any], volumes: Mapping[str, Any], respell: Callable[[Tree], Tree]) -> Tree:
    skipped = {"name", "command", "args", "volumeMounts", *PARSED}
    tree = {key: tree_of(value, key, respell) for key, value in container.items() if key not in skipped}
    mounts = {
        mount["mountPath"]: {
            "volume": volumes.get(mount["name"], {"claim": mount["name"]}),
            **{key: value for key, value in mount.items() if key not in ("name", "mountPath")},
        }
        for mount in container.get("volumeMounts", ())
    }
    return {**tree, **read_command(container), **({"mounts": mounts} if mounts else {})}
