"""The objects of a Workspace: applied where they are missing or were changed, deleted where nothing wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import TargetError
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decision import Start, Stop
from llmwright.lifecycle.observed import Role
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, INVALID, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import JOBS, KINDS, SERVICES, STATEFULSETS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifest, Manifests
from llmwright.targets.kubernetes.manifests.object_metadata import INPUTS, LAUNCH, role_of
from llmwright.targets.kubernetes.operator.apply.discovery import Kinds
from llmwright.targets.kubernetes.operator.apply.drift import Otherwise, is_rendered_alike, keeps, marked
from llmwright.targets.kubernetes.operator.cache.informers import Caches

Object = Mapping[str, Any]

BRINGABLE = (STATEFULSETS, JOBS, SERVICES)
"""Kinds that are watched anyway, and of which a plugin may bring objects."""

REFUSALS = frozenset({400, FORBIDDEN, INVALID})
"""Answers to a write that the same write will get again, until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Workspace whose children are meant; one of the same name before it had another ``uid``.

    ``server`` is what its server is, ``kinds`` what plugins brought for it beside ``BRINGABLE``.
    """

    namespace: str
    name: str
    uid: str
    server: Resource = STATEFULSETS
    kinds: frozenset[Resource] = frozenset()

    @property
    def key(self) -> Key:
        """Its namespace and name."""
        return self.namespace, self.name

    def workload(self, role: Role) -> tuple[Resource, str]:
        """Kind and name of the object that runs a role."""
        if role == "serving":
            return self.server, self.name
        return JOBS, f"{self.name}-preflight" if role == "preflight" else self.name


class Children:
    """Writes through the API and into the caches, so that the pass after sees what this one did."""

    def __init__(self, api: Api, caches: Caches, kinds: Kinds) -> None:
        self._api, self._caches, self._kinds = api, caches, kinds
        self._otherwise = Otherwise()

    def find(self, owner: Owner, resource: Resource, name: str) -> Object | None:
        """One child as it is known; one of an owner before is on its way out, for nobody owns it any more."""
        found = self._caches.of(resource).get(owner.namespace, name)
        if found is None or _is_of(owner, found):
            return found
        return {**found, "metadata": {"deletionTimestamp": "", **found["metadata"]}}

    def brought(self, owner: Owner, role: Role | None = None) -> Iterator[tuple[Resource, Object]]:
        """What plugins brought for one role, or for any, and was not asked to go."""
        for resource in {*BRINGABLE, *owner.kinds}:
            for found in self._caches.of(resource).of(owner.key):
                mine = role_of(found) is not None and role in (None, role_of(found)) and _is_of(owner, found)
                if mine and "deletionTimestamp" not in found["metadata"]:
                    yield resource, found

    def start(self, owner: Owner, order: Start, wanted: Manifests) -> None:
        """Have the role run as ``wanted``; a Job that gives way is deleted first, and started once it is gone.

        Raises:
            TargetError: the API server refuses an object that a plugin brought.
        """
        live = self.find(owner, *owner.workload(order.role))
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        services = tuple(wanted_services(wanted))
        self.repair(owner, services)
        if order.role == "serving" or live is None:
            for one in wanted:
                if one not in services:
                    self._apply(owner, one)
            self._prune(owner, order.role, wanted)
        elif (live["metadata"].get("annotations") or {}).get(LAUNCH) == order.digest:
            annotate: Object = {"metadata": {"annotations": {INPUTS: order.inputs}}}
            self._keep(JOBS, self._api.merge(JOBS, owner.namespace, live["metadata"]["name"], annotate))
        else:
            self._delete(JOBS, live)

    def stop(self, owner: Owner, order: Stop) -> None:
        """Delete what runs the role, and what plugins brought for it."""
        resource, name = owner.workload(order.role)
        live = self.find(owner, resource, name)
        if live is not None and "deletionTimestamp" not in live["metadata"]:
            self._delete(resource, live)
        self._prune(owner, order.role, ())

    def repair(self, owner: Owner, wanted: Manifests) -> None:
        """Put back what somebody changed or deleted beside a server that runs.

        A rendering that differs because this version renders otherwise is carried out, and never for what runs.

        Raises:
            TargetError: as ``start``.
        """
        for one in wanted:
            resource = self._resource(owner, one)
            live = self.find(owner, resource, one["metadata"]["name"])
            if live is not None and "deletionTimestamp" in live["metadata"]:
                continue
            if live is None or self._is_changed(resource, live, one):
                self._apply(owner, one)

    def keep(self, owner: Owner, role: Role, wanted: Manifests) -> None:
        """As ``repair``, where ``wanted`` is all of a role: what plugins brought for it before goes.

        Raises:
            TargetError: as ``start``.
        """
        self.repair(owner, wanted)
        self._prune(owner, role, wanted)

    def _prune(self, owner: Owner, role: Role, wanted: Manifests) -> None:
        """Delete what plugins brought for the role and ``wanted`` does not hold, and a server of another kind."""
        kept = {(self._resource(owner, one), one["metadata"]["name"]) for one in wanted}
        for resource, found in [*self.brought(owner, role)]:
            if (resource, found["metadata"]["name"]) not in kept:
                self._delete(resource, found)
        if role == "serving" and owner.server != STATEFULSETS:
            before = self.find(owner, STATEFULSETS, owner.name)
            if before is not None and (STATEFULSETS, owner.name) not in kept and _is_ours(before):
                self._delete(STATEFULSETS, before)

    def _is_changed(self, resource: Resource, live: Object, wanted: Object) -> bool:
        if not is_rendered_alike(live, wanted):
            return not _runs(resource, wanted)
        mine = self._left_to_others(live, wanted)
        return not keeps(live, mine, spec=resource != JOBS) and not self._otherwise.is_known(live, mine)

    def _apply(self, owner: Owner, wanted: Object) -> None:
        resource = self._resource(owner, wanted)
        live = self.find(owner, resource, wanted["metadata"]["name"])
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        body = marked(wanted)
        try:
            found = self._api.apply(resource, self._left_to_others(live, body) if live else body)
        except ApiError as error:
            if _is_fixed(error, live, wanted):
                # A field that cannot be changed: the object is made anew, by the pass that its end calls for.
                self._delete(resource, live or {})
                return
            if role_of(wanted) is None or error.code not in {*REFUSALS, NOT_FOUND}:
                raise
            raise TargetError(error.message, reason="ObjectRefused") from error
        self._keep(resource, found)
        if role_of(wanted) is not None:
            self._otherwise.note(found, wanted)

    def _resource(self, owner: Owner, found: Object) -> Resource:
        return self._kinds.resource(owner.key, found)

    def _left_to_others(self, live: Object, wanted: Object) -> Object:
        """``wanted`` with as many replicas as there are where an autoscaler sets them.

        One that KEDA made of a ScaledObject stays there while KEDA itself writes the 0 of a server that nobody asks.
        """
        about = live["metadata"]
        scaled = self._caches.autoscalers.of((about["namespace"], about["name"]))
        if wanted["kind"] != "StatefulSet" or not scaled:
            return wanted
        return {**wanted, "spec": {**wanted["spec"], "replicas": live["spec"]["replicas"]}}

    def _delete(self, resource: Resource, live: Object) -> None:
        about = live["metadata"]
        self._api.delete(resource, about["namespace"], about["name"], about["uid"])
        self._caches.of(resource).mark_deleting(about["namespace"], about["name"], rfc3339(datetime.now(UTC)))

    def _keep(self, resource: Resource, found: dict[str, Any]) -> None:
        store, about = self._caches.of(resource), found["metadata"]
        store.put(found, expected=_expected(store.get(about.get("namespace", ""), about["name"]), found))


def _expected(before: Object | None, found: dict[str, Any]) -> dict[str, Any] | None:
    """What our write was to make of an object: its status is others', and so is one that we did not know of."""
    if before is None:
        return found if len(found["metadata"].get("managedFields") or []) <= 1 else None
    ours = {part: value for part, value in found.items() if part != "status"}
    return {**ours, "status": before["status"]} if "status" in before else ours


def wanted_services(wanted: Manifests) -> Iterable[Manifest]:
    """What of the core's own objects of a role does not run anything."""
    return (one for one in wanted if KINDS.get(one["kind"]) == SERVICES and role_of(one) is None)


def _runs(resource: Resource, wanted: Object) -> bool:
    """Whether it is, or may be, what runs: a Job, a StatefulSet, or the object that serves in its place."""
    return resource in (JOBS, STATEFULSETS) or LAUNCH in (wanted["metadata"].get("annotations") or {})


def _is_of(owner: Owner, found: Object) -> bool:
    return any(one["uid"] == owner.uid for one in found["metadata"].get("ownerReferences") or [])


def _is_ours(live: Object) -> bool:
    """Whether it is there, and applied by us as what runs a role."""
    about = live["metadata"]
    return "deletionTimestamp" not in about and LAUNCH in (about.get("annotations") or {})


def _is_fixed(error: ApiError, live: Object | None, wanted: Object) -> bool:
    """Whether an object has to be made anew; of what plugins bring, a mistake is told from a field that is fixed."""
    if error.code != INVALID or live is None:
        return False
    return role_of(wanted) is None or "immutable" in error.message or "are forbidden" in error.message
