"""The namespaces whose Workspaces this operator carries out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmwright.settings.namespace_selector import NamespaceSelector, matches
from llmwright.targets.kubernetes.cluster.api_resources import NAMESPACES
from llmwright.targets.kubernetes.cluster.informer import Selection
from llmwright.targets.kubernetes.operator.cache.informer_set import InformerSet

Object = dict[str, Any]


class Namespaces:
    """All namespaces, or those with the labels of a selector; only then they are watched."""

    def __init__(
        self, informers: InformerSet, selector: NamespaceSelector | None, chosen: Callable[[str], None]
    ) -> None:
        """``chosen`` is called with each namespace that the selector begins to hold for."""
        self._selector, self._chosen = selector, chosen
        self._store = None
        if selector is not None:
            selection = Selection(resource=NAMESPACES, trim=_labels_of)
            self._store = informers.need(selection, self._changed).store

    def has(self, name: str) -> bool:
        """Return whether Workspaces in this namespace are carried out."""
        if self._store is None:
            return True
        live = self._store.get("", name)
        return live is not None and self._holds(live)

    def _holds(self, live: Object) -> bool:
        return self._selector is None or matches(self._selector, live["metadata"].get("labels") or {})

    def _changed(self, before: Object | None, after: Object | None) -> None:
        if after is not None and self._holds(after) and (before is None or not self._holds(before)):
            self._chosen(after["metadata"]["name"])


def _labels_of(live: Object) -> Object:
    return {"metadata": {part: live["metadata"].get(part) for part in ("name", "labels", "resourceVersion")}}
