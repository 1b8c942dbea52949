"""The ConfigMaps that Workspaces name: known by version from a watch, and read once for each version."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from weakref import WeakValueDictionary

from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONFIG_MAPS
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache import projection
from llmwright.targets.kubernetes.operator.cache.enqueue import Enqueue
from llmwright.targets.kubernetes.operator.cache.informer_set import InformerSet
from llmwright.targets.kubernetes.operator.cache.interest_index import InterestIndex
from llmwright.targets.kubernetes.operator.memory import ConfigFile, Memory, UnreadConfig
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff

PAUSES = Backoff(first_s=1.0, most_s=300.0)
"""The pauses before a ConfigMap is read again that could not be read."""

Files = Mapping[str, Mapping[str, str]]


class ConfigFiles:
    """Contents by version, kept for as long as a Workspace that is remembered uses them."""

    def __init__(
        self, api: Api, informers: InformerSet, enqueue: Enqueue, index: InterestIndex, memory: Memory, tasks: Tasks
    ) -> None:
        self._api, self._informers, self._enqueue, self._index = api, informers, enqueue, index
        self._memory, self._tasks = memory, tasks
        self._read: WeakValueDictionary[Key, ConfigFile] = WeakValueDictionary()
        self._informer: Informer | None = None
        self._lock = threading.Lock()

    def of(self, workspace: Workspace) -> Files | None:
        """Return the files of each ConfigMap that is there; None while they are fetched, and then a pass is called for.

        The watch of ConfigMaps begins with the first Workspace that names one.

        Raises:
            TargetError: one could not be read a short while ago; it is read again later, and then a pass is called for.
        """
        contents: dict[str, Mapping[str, str]] = {}
        record = self._memory.of((workspace.namespace, workspace.name))
        for name in sorted(configs_of(workspace)):
            informer = self._listed()
            if not informer.synced:
                return None
            key = workspace.namespace, name
            listed = informer.store.get(*key)
            if listed is None:
                continue
            config = self._read.get(key)
            if config is None or config.version != listed["at"]:
                unread = record.unread_configs.get(name)
                if unread is not None and time.monotonic() < unread.until:
                    raise TargetError(unread.trouble, reason="ConfigNotRead")
                self._fetch(key, listed["at"])
                return None
            record.config_files[name] = config
            contents[name] = config.files
        return contents

    def _listed(self) -> Informer:
        with self._lock:
            if self._informer is None:
                selection = Selection(resource=CONFIG_MAPS, trim=projection.project_config, metadata_only=True)
                self._informer = self._informers.begin(selection, self._enqueue.config, self._enqueue.everybody)
            return self._informer

    def _fetch(self, key: Key, version: str) -> None:
        def work() -> None:
            try:
                live = self._api.find(CONFIG_MAPS, *key)
            except ApiError as error:
                self._note_unread(key, error)
                return
            if live is None:
                return
            # It may be newer than the version that was listed: then the watch tells of it, and it is read again.
            config = ConfigFile(version, {name: str(text) for name, text in (live.get("data") or {}).items()})
            for record in filter(None, map(self._memory.find, self._index.in_config(key))):
                record.config_files[key[1]] = config
                record.unread_configs.pop(key[1], None)
            self._read[key] = config

        def then(pause_s: float) -> None:
            for owner in self._index.in_config(key):
                record = self._memory.find(owner)
                unread = record.unread_configs.get(key[1]) if record is not None else None
                # At once too, where it could not be read: that pass tells why.
                self._enqueue.call(owner, pause_s)
                if unread is not None:
                    self._enqueue.call(owner, max(unread.until - time.monotonic(), 0.0))

        self._tasks.submit(("config", key), work, then)

    def _note_unread(self, key: Key, error: ApiError) -> None:
        for record in filter(None, map(self._memory.find, self._index.in_config(key))):
            before = record.unread_configs.get(key[1])
            attempts = 1 + (before.attempts if before is not None else 0)
            trouble = f"ConfigMap {key[1]} could not be read: {error.message}"
            until = time.monotonic() + PAUSES.pause_s(attempts)
            record.unread_configs[key[1]] = UnreadConfig(attempts, trouble, until)


def configs_of(workspace: Workspace) -> set[str]:
    """Return the names of the ConfigMaps that a Workspace names."""
    parts = (workspace.inference, workspace.tuning)
    return {part.config for part in parts if part is not None and part.config}
