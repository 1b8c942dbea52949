"""Which kinds the cluster serves: asked for in the pool, once for each version of a group that an object is of."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
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


class Kinds:
    """Finds the resource of an object's kind; ``call`` has a Workspace looked at once the cluster has answered."""

    def __init__(self, api: Api, tasks: Tasks, call: Callable[[Key], None]) -> None:
        self._api, self._tasks, self._call = api, tasks, call
        self._known: dict[str, tuple[Mapping[str, Resource], float]] = {}
        self._waiting: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def resource(self, key: Key, found: Mapping[str, Any]) -> Resource:
        """The resource of ``found``, which the Workspace ``key`` wants.

        Raises:
            NotYet: the cluster is being asked; the Workspace is called when it has answered.
            TargetError: ``KindNotServed``.
            PluginContract: objects of that kind lie in no namespace, and so cannot belong to a Workspace.
        """
        version, kind = str(found["apiVersion"]), str(found["kind"])
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
            raise PluginContract(f"a plugin added {kind} {found['metadata']['name']}, of no namespace", hint=hint)
        return kinds[kind]

    def _ask(self, key: Key, version: str) -> None:
        with self._lock:
            self._waiting.setdefault(version, set()).add(key)

        def work() -> None:
            try:
                listed = self._api.kinds(version)
            except ApiError as error:
                log.info("%s", error.message)
                return
            self._known[version] = _of(version, listed), time.monotonic()

        def then() -> None:
            with self._lock:
                waiting = self._waiting.pop(version, set())
            for one in waiting:
                self._call(one)

        self._tasks.submit(("kinds", version), work, then)


def _of(version: str, listed: list[dict[str, Any]]) -> Mapping[str, Resource]:
    """By kind; what has a slash is a part of an object."""
    return {
        str(one["kind"]): Resource.of_version(version, str(one["name"]), namespaced=bool(one.get("namespaced")))
        for one in listed
        if "/" not in one["name"]
    }
