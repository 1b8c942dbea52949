"""The ConfigMaps that Workspaces name: known by version from a watch, read once for each version."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.api.workspace import Workspace
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONFIG_MAPS
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.tasks import Tasks

Files = Mapping[str, Mapping[str, str]]


def configs_of(workspace: Workspace) -> set[str]:
    """The names of the configs that it uses."""
    parts = (workspace.inference, workspace.tuning)
    return {part.config for part in parts if part is not None and part.config}


class ConfigFiles:
    """Contents by version; what is not known yet is fetched in the pool."""

    def __init__(self, api: Api, caches: Caches, tasks: Tasks) -> None:
        self._api, self._caches, self._tasks = api, caches, tasks
        self._read: dict[Key, tuple[str, Mapping[str, str]]] = {}

    def of(self, workspace: Workspace) -> Files | None:
        """The files of each config that is there; None while they are being fetched, and then everybody is told."""
        found: dict[str, Mapping[str, str]] = {}
        for name in sorted(configs_of(workspace)):
            informer = self._caches.configs()
            if not informer.synced:
                return None
            listed = informer.store.get(workspace.namespace, name)
            if listed is None:
                continue
            version, files = self._read.get((workspace.namespace, name), ("", {}))
            if version != listed["at"]:
                self._fetch((workspace.namespace, name), listed["at"])
                return None
            found[name] = files
        return found

    def _fetch(self, key: Key, version: str) -> None:
        def work() -> None:
            try:
                found = self._api.find(CONFIG_MAPS, *key)
            except ApiError:
                return
            if found is not None:
                # It may be later than the version that was told of: then the watch tells again, and it is read again.
                self._read[key] = (version, {name: str(text) for name, text in (found.get("data") or {}).items()})

        def then() -> None:
            for owner in self._caches.interests.in_config(key):
                self._caches.call(owner)

        self._tasks.submit(("config", key), work, then)
