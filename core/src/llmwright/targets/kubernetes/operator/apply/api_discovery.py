"""The kinds that the cluster serves: asked for in the pool, once for each group and version of an object."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from llmwright.errors import NotYet, PluginContract, TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import KINDS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.tasks import Lookups, Tasks
from llmwright.values.backoff import Backoff

AGAIN_S = 15.0
"""How long it holds that a kind is not served."""

PAUSES = Backoff(first_s=1.0, most_s=60.0)
"""The pauses before a cluster is asked again that could not tell what it serves."""

log = logging.getLogger(__name__)


class Discovery:
    """Finds the resource of an object's kind; ``call`` has a pass made over a Workspace some seconds later."""

    def __init__(self, api: Api, tasks: Tasks, call: Callable[[Key, float], None]) -> None:
        self._api, self._call = api, call
        self._lookups = Lookups("kinds", tasks, call)
        self._known: dict[str, tuple[Mapping[str, Resource], float]] = {}
        self._silent: dict[str, tuple[int, float, str]] = {}
        """Of each version that the cluster could not tell of: how often in a row, until when to rest, and why."""

    def resource(self, key: Key, desired: Mapping[str, Any]) -> Resource:
        """Return the resource of an object that the Workspace ``key`` wants.

        Raises:
            NotYet: the cluster is being asked; a pass over the Workspace is called for when it has answered.
            TargetError: ``KindNotServed``; ``DiscoveryFailed`` while the cluster cannot tell.
            PluginContract: objects of that kind lie in no namespace, and so cannot belong to a Workspace.
        """
        version, kind = str(desired["apiVersion"]), str(desired["kind"])
        core = KINDS.get(kind)
        if core is not None and core.api_version == version:
            return core
        kinds, since = self._known.get(version, (None, 0.0))
        if kinds is None or (kind not in kinds and time.monotonic() - since > AGAIN_S):
            _, until, trouble = self._silent.get(version, (0, 0.0, ""))
            if (rest := until - time.monotonic()) > 0:
                self._call(key, rest)
                hint = "the API server is asked again"
                raise TargetError(f"what {version} serves is not known: {trouble}", hint=hint, reason="DiscoveryFailed")
            self._lookups.ask(key, version, partial(self._ask, version))
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

    def _ask(self, version: str) -> None:
        try:
            listed = self._api.kinds(version)
        except ApiError as error:
            log.info("%s", error.message)
            attempts = 1 + self._silent.get(version, (0, 0.0, ""))[0]
            self._silent[version] = attempts, time.monotonic() + PAUSES.pause_s(attempts), error.message
            return
        self._silent.pop(version, None)
        self._known[version] = _by_kind(version, listed), time.monotonic()


def _by_kind(version: str, listed: Iterable[Mapping[str, Any]]) -> Mapping[str, Resource]:
    """Return the resources of one group and version; a name with a slash is a part of an object."""
    return {
        str(entry["kind"]): Resource.of_version(version, str(entry["name"]), namespaced=bool(entry.get("namespaced")))
        for entry in listed
        if "/" not in entry["name"]
    }
