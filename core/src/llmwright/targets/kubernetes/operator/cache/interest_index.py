"""Which Workspaces a node or a ConfigMap concerns."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.targets.kubernetes.cluster.object_cache import Key

Labels = Mapping[str, str]


class InterestIndex:
    """The node selectors and ConfigMaps that all Workspaces name, and the node labels that drivers name them by."""

    def __init__(self) -> None:
        self._selectors: dict[Key, Labels] = {}
        self._configs: dict[Key, frozenset[Key]] = {}
        self._owner_labels: frozenset[tuple[str, str]] = frozenset()
        self._lock = threading.Lock()

    def note(self, key: Key, workspace: Mapping[str, Any] | None) -> None:
        """Take in a Workspace as it is now; None where it is gone."""
        with self._lock:
            self._selectors.pop(key, None)
            self._configs.pop(key, None)
            if workspace is not None:
                selector = (workspace.get("resource") or {}).get("labelSelector") or {}
                self._selectors[key] = selector.get("matchLabels") or {}
                parts = (workspace.get(part) or {} for part in ("inference", "tuning"))
                names = frozenset((key[0], part["config"]) for part in parts if part.get("config"))
                if names:
                    self._configs[key] = names

    def note_owner_labels(self, labels: tuple[str, str]) -> None:
        """Have nodes with these two labels concern the Workspace whose namespace and name they hold."""
        self._owner_labels |= {labels}

    def all(self) -> list[Key]:
        """Return all Workspaces in the order of their names."""
        with self._lock:
            return sorted(self._selectors)

    def in_nodes(self, nodes: Iterable[Labels]) -> set[Key]:
        """Return the Workspaces that a node with one of these sets of labels concerns."""
        nodes = list(nodes)
        with self._lock:
            keys = {key for key, selector in self._selectors.items() if any(_takes(selector, node) for node in nodes)}
        for namespace, name in self._owner_labels:
            keys |= {(node[namespace], node[name]) for node in nodes if namespace in node and name in node}
        return keys

    def in_config(self, config: Key) -> list[Key]:
        """Return the Workspaces that name the ConfigMap."""
        with self._lock:
            return [key for key, names in self._configs.items() if config in names]


def _takes(selector: Labels, labels: Labels) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())
