"""Which Workspaces a node or a ConfigMap concerns."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.targets.kubernetes.cluster.object_cache import Key

Labels = Mapping[str, str]


class Interests:
    """The selectors and configs that all Workspaces name."""

    def __init__(self) -> None:
        self._selectors: dict[Key, Labels] = {}
        self._configs: dict[Key, frozenset[Key]] = {}
        self._lock = threading.Lock()

    def note(self, key: Key, workspace: Mapping[str, Any] | None) -> None:
        """The Workspace is as given; None where it is gone."""
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

    def in_nodes(self, nodes: Iterable[Labels]) -> list[Key]:
        """Those whose selector takes one of the nodes with these labels."""
        found = list(nodes)
        with self._lock:
            return [key for key, wanted in self._selectors.items() if any(_takes(wanted, labels) for labels in found)]

    def in_config(self, config: Key) -> list[Key]:
        """Those that name the config."""
        with self._lock:
            return [key for key, names in self._configs.items() if config in names]


def _takes(wanted: Labels, labels: Labels) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
