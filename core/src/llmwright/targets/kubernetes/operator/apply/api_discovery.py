"""The kinds that the cluster serves: asked for in the pool, once for each group and version of an object."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmwright.errors import NotYet, PluginContract, TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import KINDS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.tasks import Tasks

AGAIN_S = 15.0
"""How long it holds that a kind is not served."""

log = logging.getLogger(__name__)


class Discovery:
    """Finds the resource of an object's kind; ``call`` has a pass made over a Workspace once the cluster answered."""

    def __init__(self, api: Api, tasks: Tasks, call: Callable[[Key], None]) -> None:
        self._api, self._tasks, self._call = api, tasks, call
        self._known: dict[str, tuple[Mapping[str, Resource], float]] = {}
        self._waiting: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def resource(self, key: Key, desired: Mapping[str, Any]) -> Resource:
        """Return the resource of an object that the Workspace ``key`` wants.

        Raises:
            NotYet: the cluster is being asked; a pass over the Workspace is called for when it has answered.
            TargetError: ``KindNotServed``.
            PluginContract: objects of that kind lie in no namespace, and so cannot belong to a Workspace.
        """
        version, kind = str(desired["apiVersion"]), str(desired["kind"])
        core = KINDS.get(kind)
        if core is not None and core.api_version == version:
            return core
        kinds, since = self._known.get(version, (None, 0.0))
        if kinds is None or (kind not in kinds and time.monotonic() - since > AGAIN_S):
            self._ask(key, version)
            raise NotYet(f"the cluster is being asked for {version}")
        if kind not in kinds:
            raise TargetError(
                f"the cluster does not serve {kind} ({version})",
                hint="install the CRD that brings it",
                reason="KindNotServed",
            )
        if not kinds[kind].namespaced:
            hint = "let it make objects that lie in the Workspace's namespace"
            raise PluginContract(f"a plugin added {kind} {desired['metadata']['name']}, of no namespace", hint=hint)
        return kinds[kind]

    def _ask(self, key: Key, version: str) -> None:
        # Before the task: one that is under way calls all that wait when it ends.
        with self._lock:
            self._waiting.setdefault(version, set()).add(key)

        def work() -> None:
            try:
                listed = self._api.kinds(version)
            except ApiError as error:
                log.info("%s", error.message)
                return
            self._known[version] = _by_kind(version, listed), time.monotonic()

        def then() -> None:
            with self._lock:
                waiting = self._waiting.pop(version, set())
            for key in waiting:
                self._call(key)

        self._tasks.submit(("kinds", version), work, then)


def _by_kind(version: str, listed: Iterable[Mapping[str, Any]]) -> Mapping[str, Resource]:
    """Return the resources of one group and version; a name with a slash is a part of an object."""
    return {
        str(entry["kind"]): Resource.of_version(version, str(entry["name"]), namespaced=bool(entry.get("namespaced")))
        for entry in listed
        if "/" not in entry["name"]
    }
