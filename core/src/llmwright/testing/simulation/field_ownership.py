"""Who owns which field: server-side apply as Kubernetes describes it ("Server-Side Apply", structured merge).

An object's fields are a tree of keys as in ``managedFields[].fieldsV1``: ``f:NAME`` for a field of a mapping,
``k:{...}`` for an item of a list whose items have a key, ``v:VALUE`` for an item of a set. All other lists are atomic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Tree = dict[str, Any]
Object = dict[str, Any]

SELF = "."
"""Marks that the item itself is owned, and not its fields alone."""

ITEM_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""The keys of list items by the list's field name (``x-kubernetes-list-map-keys`` of the API's OpenAPI document)."""

SETS = frozenset({"finalizers"})
NOT_OWNED = frozenset({"apiVersion", "kind", "status"})
SERVERS_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "uid",
    }
)


def fields_of(body: Mapping[str, Any]) -> Tree:
    """Return the fields that ``body`` names, without those that only the server sets."""
    metadata = {name: value for name, value in body.get("metadata", {}).items() if name not in SERVERS_METADATA}
    rest = {name: value for name, value in body.items() if name not in (*NOT_OWNED, "metadata")}
    return _fields({**rest, **({"metadata": metadata} if metadata else {})})


def without(tree: Tree, other: Tree) -> Tree:
    """Return ``tree`` without the leaves of ``other``."""
    left = {}
    for key, below in tree.items():
        if key not in other:
            left[key] = below
        elif below and (rest := without(below, other[key])):
            left[key] = rest
    return left


def union(*trees: Tree) -> Tree:
    """Return all fields of ``trees``."""
    joined: Tree = {}
    for tree in trees:
        for key, below in tree.items():
            joined[key] = union(joined.get(key, {}), below)
    return joined


def merged(live: Any, body: Any, name: str = "") -> Any:
    """Return ``live`` with what ``body`` says: mappings and keyed lists field by field, anything else as a whole."""
    if isinstance(body, Mapping):
        base = dict(live) if isinstance(live, Mapping) else {}
        return {**base, **{key: merged(base.get(key), value, key) for key, value in body.items()}}
    if name in SETS and isinstance(live, list):
        return [*live, *(value for value in body if value not in live)]
    if _is_keyed(name, body) and isinstance(live, list):
        items = {_item_key(name, item): item for item in live}
        for item in body:
            key = _item_key(name, item)
            items[key] = merged(items.get(key), item)
        return [*items.values()]
    return body


def pruned(live: Any, tree: Tree, name: str = "") -> Any:
    """Return ``live`` without the leaves of ``tree``; a mapping that loses its last field goes with it."""
    if isinstance(live, list):
        if name in SETS:
            return [value for value in live if f"v:{json.dumps(value)}" not in tree]
        kept = ((item, tree.get(_item_key(name, item))) for item in live)
        return [item if below is None else pruned(item, below) for item, below in kept if not _goes(below)]
    left = {}
    for key, value in live.items():
        below = tree.get(f"f:{key}")
        if below is None:
            left[key] = value
        elif below and (rest := pruned(value, below, key)):
            left[key] = rest
    return left


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Tree:
    """Return the fields of ``after`` that are new or differ from ``before``."""
    return _differing(_leaves(_owned(before)), _leaves(_owned(after)))


def _goes(below: Tree | None) -> bool:
    return below is not None and SELF in below


def _owned(body: Mapping[str, Any]) -> Object:
    metadata = {name: value for name, value in body.get("metadata", {}).items() if name not in SERVERS_METADATA}
    return {name: value for name, value in body.items() if name not in (*NOT_OWNED, "metadata")} | {
        "metadata": metadata
    }


def _differing(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> Tree:
    tree: Tree = {}
    for path, value in after.items():
        if path not in before or before[path] != value:
            node = tree
            for key in path:
                node = node.setdefault(key, {})
    return tree


def _leaves(value: Any, path: tuple[str, ...] = (), name: str = "") -> dict[tuple[str, ...], Any]:
    leaves: dict[tuple[str, ...], Any] = {}
    children = [*_children(value, name)]
    if not children:
        return {path: value} if path else {}
    for key, child, child_name in children:
        leaves |= _leaves(child, (*path, key), child_name)
    return leaves


def _children(value: Any, name: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Mapping):
        yield from ((f"f:{key}", child, key) for key, child in value.items())
    elif name in SETS and isinstance(value, list):
        yield from ((f"v:{json.dumps(item)}", None, "") for item in value)
    elif _is_keyed(name, value):
        yield from ((_item_key(name, item), item, "") for item in value)


def _fields(value: Any, name: str = "") -> Tree:
    tree: Tree = {}
    for key, child, child_name in _children(value, name):
        tree[key] = _fields(child, child_name)
        if key.startswith("k:"):
            tree[key][SELF] = {}
    return tree


def _is_keyed(name: str, value: Any) -> bool:
    keys = ITEM_KEYS.get(name)
    if keys is None or not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, Mapping) and all(key in item for key in keys) for item in value)


def _item_key(name: str, item: Any) -> str:
    keys = {key: item.get(key) for key in ITEM_KEYS[name]} if name in ITEM_KEYS and isinstance(item, Mapping) else item
    return f"k:{json.dumps(keys, separators=(',', ':'), sort_keys=True)}"
