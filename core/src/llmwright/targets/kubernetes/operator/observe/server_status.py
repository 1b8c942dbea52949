"""The server of one Workspace: as its pods show it, and as its runtime judges it by the objects that it watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.lifecycle.observed import Trouble, Workload
from llmwright.plugins.driver_calls import described, must_pass
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_resources import PODS, STATEFULSETS, Resource
from llmwright.targets.kubernetes.operator.cache.children import Children
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.observe.event_causes import explained, with_eviction
from llmwright.targets.kubernetes.operator.observe.workloads import (
    judged,
    of_workload,
    runtime_workload,
    serving_workload,
)
from llmwright.targets.kubernetes.operator.pass_subject import PassSubject
from llmwright.values.nodes import Failed, Outcome

Object = Mapping[str, Any]


class ServerStatus:
    """Reads caches alone."""

    def __init__(self, children: Children, snapshot: ClusterSnapshot) -> None:
        self._children, self._snapshot = children, snapshot

    def of(self, subject: PassSubject, wanted: int | None) -> Workload:
        """Return the server as it stands; ``wanted`` is the number of pods that have to answer, None without a Plan."""
        owner, runtime = subject.owner, subject.runtime
        resource, name = owner.workload("serving")
        live = self._children.find(owner, resource, name)
        pods: list[Object] = [*self._children.of(PODS).of(owner.key)]
        before = subject.reported("InferenceReady")
        endpoint = f"http://{owner.name}.{owner.namespace}.svc.cluster.local"
        if resource == STATEFULSETS:
            pods = of_workload(pods, "StatefulSet", name)
            scaled = self._children.is_scaled(owner.namespace, name)
            find_node = self._snapshot.node
            workload = serving_workload(
                live, pods, find_node, endpoint, wanted=wanted, autoscaled=scaled, before=before
            )
            workload = explained(workload, live, pods, self._children.events)
        else:
            workload = runtime_workload(live, pods, self._snapshot.node, endpoint, before)
        workload = with_eviction(workload, pods, self._children.evictions)
        if live is None or runtime is None or "deletionTimestamp" in live["metadata"]:
            return workload
        return judged(workload, self._outcomes(owner, runtime), needs_outcome=resource != STATEFULSETS)

    def unserved(self, runtime: Runtime | None) -> Trouble | None:
        """Return that the cluster does not know the kind by which a runtime serves; None where it does, or may."""
        watch = runtime.serves_as if runtime is not None else None
        if watch is None:
            return None
        resource = Resource(watch.group, watch.version, watch.plural)
        trouble = self._children.unseen(resource, str(resource), watch.brought_by)
        return trouble if trouble is not None and trouble.reason == "KindNotServed" else None

    def _outcomes(self, owner: Owner, runtime: Runtime) -> Iterator[Outcome]:
        for watch in runtime.watches():
            resource = Resource(watch.group, watch.version, watch.plural)
            trouble = self._children.unseen(resource, str(resource), watch.brought_by)
            if trouble is not None:
                # It does not come by itself: somebody has to install the kind, or give the right to it.
                yield Failed("transient", trouble.message, trouble.reason)
            for live in self._children.of(resource).of(owner.key):
                outcome = None if owner.is_anothers(live) else _ask(runtime, live)
                if outcome is not None:
                    yield outcome


def _ask(runtime: Runtime, live: Object) -> Outcome | None:
    try:
        return runtime.status(live)
    except BaseException as error:  # the code of a plugin may raise anything
        if must_pass(error):
            raise
        what = f"{live.get('kind')} {live['metadata']['name']}: {described(error)}"
        return Failed("invalid", f"the runtime {type(runtime).__name__} failed in status of {what}", "PluginContract")
