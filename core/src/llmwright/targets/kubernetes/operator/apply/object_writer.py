"""Writing the objects of a Workspace: applied where they are missing or drifted, deleted where nothing wants them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import TargetError
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decision import Scale, Start, Stop
from llmwright.lifecycle.observed import Role
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, INVALID, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import JOBS, PODS, STATEFULSETS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.manifests.object_metadata import INPUTS, LAUNCH, role_of
from llmwright.targets.kubernetes.operator.apply.api_discovery import Discovery
from llmwright.targets.kubernetes.operator.apply.desired import own_services
from llmwright.targets.kubernetes.operator.apply.drift import (
    MANIFEST,
    cannot_become,
    drift_digest,
    fingerprint,
    has_drifted,
    is_rendered_alike,
    marked,
)
from llmwright.targets.kubernetes.operator.cache.children import Children
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.targets.kubernetes.operator.contest import begins, changed_by_another, rest_s
from llmwright.targets.kubernetes.operator.memory import Contest, Memory

Object = Mapping[str, Any]

log = logging.getLogger(__name__)

REFUSALS = frozenset({400, FORBIDDEN, INVALID})
"""Answers to a write that the same write gets again, until somebody changes something."""


class ObjectWriter:
    """Writes through the API and puts each answer into the caches: the next pass sees what this pass wrote."""

    def __init__(
        self,
        api: Api,
        children: Children,
        discovery: Discovery,
        memory: Memory,
        call: Callable[[Key, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``call`` has a pass made over a Workspace after some seconds."""
        self._api, self._children, self._discovery, self._memory = api, children, discovery, memory
        self._call, self._clock = call, clock

    def start(self, owner: Owner, start: Start, desired: Manifests) -> None:
        """Have the role run as ``desired``.

        A Job of another launch is deleted, and a later pass, once it is gone, makes the new one.

        Raises:
            TargetError: the API server refuses an object that a plugin added.
        """
        live = self._children.find(owner, *owner.workload(start.role))
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        # Services first: the pods of a server find each other by them.
        services = tuple(own_services(desired))
        self.repair(owner, services)
        if start.role == "serving" or live is None:
            for manifest in desired:
                if manifest not in services:
                    self._apply(owner, manifest)
            # Last: an object of the launch before may be in use until the server has its new template.
            self._prune(owner, start.role, desired)
        elif (live["metadata"].get("annotations") or {}).get(LAUNCH) == start.digest:
            annotate: Object = {"metadata": {"annotations": {INPUTS: start.inputs}}}
            self._put(JOBS, self._api.merge(JOBS, owner.namespace, live["metadata"]["name"], annotate))
        else:
            self._delete(owner, JOBS, live)

    def scale(self, owner: Owner, scale: Scale, desired: Manifests) -> None:
        """Have a server that runs get ``scale.replicas`` pods.

        A StatefulSet that runs something else than ``desired``, as after an update of ours, goes on running that.

        Raises:
            TargetError: as ``start``.
        """
        resource, name = owner.workload("serving")
        live = self._children.find(owner, resource, name)
        if live is None or "deletionTimestamp" in live["metadata"]:
            return
        rendered = [manifest for manifest in desired if self._resource(owner, manifest) == resource]
        if resource == STATEFULSETS and not any(is_rendered_alike(live, manifest) for manifest in rendered):
            patch = {"spec": {"replicas": scale.replicas}}
            self._put(resource, self._api.merge(resource, owner.namespace, name, patch))
            return
        for manifest in rendered:
            self._apply(owner, manifest)

    def stop(self, owner: Owner, stop: Stop) -> None:
        """Delete what runs the role, and what plugins added for it."""
        resource, name = owner.workload(stop.role)
        live = self._children.find(owner, resource, name)
        if live is not None and "deletionTimestamp" not in live["metadata"]:
            self._delete(owner, resource, live)
        self._prune(owner, stop.role, ())

    def repair(self, owner: Owner, desired: Manifests) -> None:
        """Put back what somebody changed or deleted.

        An object that this version of ours renders otherwise is applied, unless it is what runs: that would restart it.

        Raises:
            TargetError: as ``start``.
        """
        for manifest in desired:
            resource = self._resource(owner, manifest)
            live = self._children.find(owner, resource, manifest["metadata"]["name"])
            if live is not None and "deletionTimestamp" in live["metadata"]:
                continue
            if live is not None and not owner.owns(live):
                live = self._adopt(owner, resource, live, manifest)
            if live is None or (
                self._is_changed(owner, resource, live, manifest) and not self._rests(owner, resource, manifest)
            ):
                self._apply(owner, manifest)

    def runs_otherwise(self, owner: Owner, desired: Object) -> bool:
        """Return whether it runs as an earlier version or other settings rendered it: ``desired`` would restart it."""
        resource = self._resource(owner, desired)
        live = self._children.find(owner, resource, desired["metadata"]["name"])
        ours = live is not None and owner.owns(live) and _runs_a_role(live)
        return ours and live is not None and not is_rendered_alike(live, desired)

    def _adopt(self, owner: Owner, resource: Resource, live: Object, desired: Object) -> dict[str, Any]:
        """Make the Workspace the owner of an object that has none, and return it; what it runs stays as it is."""
        metadata: dict[str, Any] = {"ownerReferences": desired["metadata"].get("ownerReferences") or []}
        if not has_drifted({**live, "metadata": {**live["metadata"], **metadata}}, desired):
            metadata["annotations"] = {MANIFEST: fingerprint(desired)}
        answer = self._api.merge(resource, owner.namespace, live["metadata"]["name"], {"metadata": metadata})
        self._put(resource, answer)
        return answer

    def _rests(self, owner: Owner, resource: Resource, desired: Object) -> bool:
        """Return whether an object that somebody else keeps changing is left as it is for now; count the change."""
        contests, place = self._memory.of(owner.key).object_contests, (resource, desired["metadata"]["name"])
        contest, now = contests.get(place, Contest()), self._clock()
        if (rest := rest_s(contest, now)) > 0:
            self._call(owner.key, rest)
            return True
        contests[place] = changed_by_another(contest, now)
        if begins(contests[place]):
            log.warning("%s/%s: somebody else keeps changing %s %s", *owner.key, *map(str, place))
        return False

    def keep(self, owner: Owner, role: Role, desired: Manifests) -> None:
        """Do as ``repair``; ``desired`` is all of a role, and other objects that plugins added for it are deleted.

        Raises:
            TargetError: as ``start``.
        """
        self.repair(owner, desired)
        self._prune(owner, role, desired)

    def correct(self, owner: Owner, runtime: Runtime) -> None:
        """Patch what the controller of a runtime's server made of it and does not keep in line with it.

        Raises:
            PluginError: the runtime failed in ``correction``.
        """
        server = self._children.find(owner, *owner.workload("serving"))
        if server is None or "deletionTimestamp" in server["metadata"]:
            return
        kinds = [Resource(watch.group, watch.version, watch.plural) for watch in runtime.watches()]
        pods = [*self._children.of(PODS).of(owner.key)]
        # A list: patching changes the cache that is read.
        for resource, live in [(kind, live) for kind in kinds for live in self._children.of(kind).of(owner.key)]:
            with driver_call("runtime", type(runtime).__name__, "correction"):
                patch = runtime.correction(server, live, pods)
            if patch is not None and "deletionTimestamp" not in live["metadata"]:
                name = live["metadata"]["name"]
                self._put(resource, self._api.merge(resource, owner.namespace, name, patch))

    def _prune(self, owner: Owner, role: Role, desired: Manifests) -> None:
        """Delete what plugins added for the role and is not desired, and a server of another kind."""
        kept = {(self._resource(owner, manifest), manifest["metadata"]["name"]) for manifest in desired}
        # A list: deleting changes the cache that is read.
        for resource, live in list(self._children.added(owner, role)):
            if (resource, live["metadata"]["name"]) not in kept:
                self._delete(owner, resource, live)
        if role == "serving" and owner.server != STATEFULSETS:
            before = self._children.find(owner, STATEFULSETS, owner.name)
            if before is not None and (STATEFULSETS, owner.name) not in kept and _runs_a_role(before):
                self._delete(owner, STATEFULSETS, before)

    def _is_changed(self, owner: Owner, resource: Resource, live: Object, desired: Object) -> bool:
        if not is_rendered_alike(live, desired):
            return not _may_run(resource, desired)
        desired = self._with_scaled_replicas(live, desired)
        if not has_drifted(live, desired, content=resource != JOBS):
            return False
        known = self._memory.of(owner.key).drift.get((resource, desired["metadata"]["name"]))
        return known != drift_digest(live, desired)

    def _apply(self, owner: Owner, desired: Object) -> None:
        resource = self._resource(owner, desired)
        live = self._children.find(owner, resource, desired["metadata"]["name"])
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        if live is not None and cannot_become(live, desired):
            # Its end calls for a pass, and that pass makes it.
            self._delete(owner, resource, live)
            return
        body = marked(desired)
        try:
            answer = self._api.apply(resource, self._with_scaled_replicas(live, body) if live else body)
        except ApiError as error:
            if live is not None and _has_to_be_made_anew(error, desired):
                # Its end calls for a pass, and that pass makes it.
                self._delete(owner, resource, live)
                return
            if role_of(desired) is None or error.code not in {*REFUSALS, NOT_FOUND}:
                raise
            raise TargetError(error.message, reason="ObjectRefused") from error
        self._put(resource, answer)
        if role_of(desired) is not None:
            self._note_drift(owner, resource, answer, desired)

    def _note_drift(self, owner: Owner, resource: Resource, answer: Object, desired: Object) -> None:
        drift, place = self._memory.of(owner.key).drift, (resource, desired["metadata"]["name"])
        if has_drifted(answer, desired):
            drift[place] = drift_digest(answer, desired)
        else:
            drift.pop(place, None)

    def _resource(self, owner: Owner, desired: Object) -> Resource:
        return self._discovery.resource(owner.key, desired)

    def _with_scaled_replicas(self, live: Object, desired: Object) -> Object:
        """Return ``desired`` with as many replicas as ``live`` has, where an autoscaler sets them.

        The autoscaler that KEDA makes of a ScaledObject stays while KEDA itself writes 0 replicas for an idle server.
        """
        metadata = live["metadata"]
        if desired["kind"] != "StatefulSet" or not self._children.is_scaled(metadata["namespace"], metadata["name"]):
            return desired
        return {**desired, "spec": {**desired["spec"], "replicas": live["spec"]["replicas"]}}

    def _delete(self, owner: Owner, resource: Resource, live: Object) -> None:
        metadata = live["metadata"]
        self._api.delete(resource, metadata["namespace"], metadata["name"], metadata["uid"])
        self._children.of(resource).mark_deleting(metadata["namespace"], metadata["name"], rfc3339(datetime.now(UTC)))
        self._memory.of(owner.key).drift.pop((resource, metadata["name"]), None)

    def _put(self, resource: Resource, answer: dict[str, Any]) -> None:
        cache, metadata = self._children.of(resource), answer["metadata"]
        before = cache.get(metadata.get("namespace", ""), metadata["name"])
        cache.put(answer, expected=_expected(before, answer))


def _expected(before: Object | None, answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return what our write was to make of an object: anything else in its answer is news, and calls for a pass.

    The status is written by others. So is an object that was not known before, unless nobody but us wrote it.
    """
    if before is None:
        return answer if len(answer["metadata"].get("managedFields") or []) <= 1 else None
    ours = {part: value for part, value in answer.items() if part != "status"}
    return {**ours, "status": before["status"]} if "status" in before else ours


def _may_run(resource: Resource, desired: Object) -> bool:
    """Return whether it runs a role, or may: a Job, a StatefulSet, or the object that serves in its place."""
    return resource in (JOBS, STATEFULSETS) or LAUNCH in (desired["metadata"].get("annotations") or {})


def _runs_a_role(live: Object) -> bool:
    """Return whether we applied it to run a role, and it is not leaving; a template's server has no Launch."""
    metadata = live["metadata"]
    annotations = metadata.get("annotations") or {}
    return "deletionTimestamp" not in metadata and (LAUNCH in annotations or INPUTS in annotations)


def _has_to_be_made_anew(error: ApiError, desired: Object) -> bool:
    """Return whether the write was refused because it changes a field that cannot be changed.

    For an object of ours, that is the only reason to refuse it. One that a plugin added may also be wrong in itself.
    """
    if error.code != INVALID:
        return False
    return role_of(desired) is None or "immutable" in error.message or "are forbidden" in error.message
