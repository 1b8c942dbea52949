"""A server as its runtime judges it, by the objects of the kinds that it watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.lifecycle.observed import Workload
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_resources import PODS, STATEFULSETS, Resource
from llmwright.targets.kubernetes.operator.apply.children import Children, Owner
from llmwright.targets.kubernetes.operator.apply.preconditions import unseen
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.observe.event_causes import explained
from llmwright.targets.kubernetes.operator.observe.workloads import (
    brought_workload,
    judged,
    of_workload,
    serving_workload,
)
from llmwright.values.nodes import Failed, Outcome, Waiting, Watch

Object = Mapping[str, Any]


def server_of(runtime: Runtime | None) -> Resource:
    """What a runtime's server is on a cluster."""
    serves_as = runtime.serves_as if runtime is not None else None
    return _resource(serves_as) if serves_as is not None else STATEFULSETS


def kinds_of(runtime: Runtime | None) -> frozenset[Resource]:
    """What has to be known before its server can be judged."""
    if runtime is None:
        return frozenset()
    watched = [*runtime.watches(), *([runtime.serves_as] if runtime.serves_as else [])]
    return frozenset(map(_resource, watched))


class Judge:
    """Reads caches alone."""

    def __init__(self, caches: Caches, children: Children) -> None:
        self._caches, self._children = caches, children

    def server(self, owner: Owner, runtime: Runtime | None, endpoint: str) -> Workload:
        """The server of one Workspace."""
        resource, name = owner.workload("serving")
        found = self._children.find(owner, resource, name)
        pods: list[Object] = [*self._caches.of(PODS).of(owner.key)]
        if resource == STATEFULSETS:
            pods = of_workload(pods, "StatefulSet", name)
            workload = serving_workload(found, pods, self._caches.node, endpoint)
            workload = explained(workload, found, pods, self._caches.said)
        else:
            workload = brought_workload(found, pods, self._caches.node, endpoint)
        if found is None or runtime is None or "deletionTimestamp" in found["metadata"]:
            return workload
        return judged(workload, self._outcomes(owner, runtime), has_word=resource != STATEFULSETS)

    def _outcomes(self, owner: Owner, runtime: Runtime) -> Iterator[Outcome]:
        for resource in map(_resource, runtime.watches()):
            informer = self._caches.owned(resource)
            trouble = unseen(informer, resource.full)
            if trouble is not None:
                yield Waiting(trouble.reason, trouble.message)
            for found in informer.store.of(owner.key):
                if not _is_anothers(owner, found):
                    outcome = _asked(runtime, found)
                    if outcome is not None:
                        yield outcome


def _asked(runtime: Runtime, found: Object) -> Outcome | None:
    try:
        return runtime.status(found)
    except Exception as error:  # a stranger's code
        what = f"{found.get('kind')} {found['metadata']['name']}: {type(error).__name__}: {error}"
        return Failed("invalid", f"the runtime {type(runtime).__name__} failed in status of {what}", "PluginContract")


def _is_anothers(owner: Owner, found: Object) -> bool:
    """Whether it is of a Workspace of the same name before this one."""
    owners = found["metadata"].get("ownerReferences") or []
    return any(one["kind"] == "Workspace" and one["uid"] != owner.uid for one in owners)


def _resource(watch: Watch) -> Resource:
    return Resource(watch.group, watch.version, watch.plural)
