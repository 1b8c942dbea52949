"""The objects of a Workspace: applied where they are missing or were changed, deleted where nothing wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelwright.lifecycle.conditions import rfc3339
from modelwright.lifecycle.decision import Start, Stop
from modelwright.lifecycle.observed import Role
from modelwright.targets.kubernetes.cluster.api import Api
from modelwright.targets.kubernetes.cluster.failures import INVALID, ApiError
from modelwright.targets.kubernetes.cluster.resource import JOBS, KINDS, SERVICES, STATEFULSETS, Resource
from modelwright.targets.kubernetes.manifests import Manifest, Manifests, Rendering, objects
from modelwright.targets.kubernetes.manifests.metadata import INPUTS, LAUNCH
from modelwright.targets.kubernetes.operator.caches import Caches
from modelwright.targets.kubernetes.operator.comparing import covers, is_rendered_alike, marked
from modelwright.targets.kubernetes.operator.trimming import SCALED
from modelwright.values.launch import Launch
from modelwright.values.nodes import NodeRequest

Object = Mapping[str, Any]


def rendered(rendering: Rendering, role: Role, launch: Launch, nodes: NodeRequest) -> Manifests:
    """The objects of one role, in the order in which they are applied."""
    if role == "preflight":
        return objects.preflight_objects(rendering, launch)
    if role == "tuning":
        return objects.tuning_objects(rendering, launch, nodes)
    if rendering.workspace.template is not None:
        return objects.template_objects(rendering, nodes.count)
    return objects.serving_objects(rendering, launch, nodes)


def workload_of(role: Role, name: str) -> tuple[Resource, str]:
    """Kind and name of the object that runs a role."""
    if role == "serving":
        return STATEFULSETS, name
    return JOBS, f"{name}-preflight" if role == "preflight" else name


@dataclass(frozen=True, slots=True)
class Owner:
    """The Workspace whose children are meant; one of the same name before it had another ``uid``."""

    namespace: str
    name: str
    uid: str


class Children:
    """Writes through the API and into the caches, so that the pass after sees what this one did."""

    def __init__(self, api: Api, caches: Caches) -> None:
        self._api, self._caches = api, caches

    def find(self, owner: Owner, resource: Resource, name: str) -> Object | None:
        """One child as it is known; one of an owner before is on its way out, for nobody owns it any more."""
        found = self._caches.of(resource).get(owner.namespace, name)
        if found is None or any(one["uid"] == owner.uid for one in found["metadata"].get("ownerReferences") or []):
            return found
        return {**found, "metadata": {"deletionTimestamp": "", **found["metadata"]}}

    def start(self, owner: Owner, order: Start, wanted: Manifests) -> None:
        """Have the role run as ``wanted``; a Job that gives way is deleted first, and started once it is gone."""
        live = self.find(owner, *workload_of(order.role, owner.name))
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        if order.role == "serving" or live is None:
            for one in wanted:
                self._apply(owner, one)
        elif (live["metadata"].get("annotations") or {}).get(LAUNCH) == order.digest:
            annotate: Object = {"metadata": {"annotations": {INPUTS: order.inputs}}}
            self._keep(JOBS, self._api.merge(JOBS, owner.namespace, live["metadata"]["name"], annotate))
        else:
            self._delete(JOBS, live)

    def stop(self, owner: Owner, order: Stop) -> None:
        """Delete what runs the role."""
        live = self.find(owner, *workload_of(order.role, owner.name))
        if live is not None and "deletionTimestamp" not in live["metadata"]:
            self._delete(workload_of(order.role, owner.name)[0], live)

    def repair(self, owner: Owner, wanted: Manifests) -> None:
        """Put back what somebody changed or deleted beside a server that runs.

        A rendering that differs because this version renders otherwise is carried out for Services, and never for
        what runs.
        """
        for one in wanted:
            resource = KINDS[one["kind"]]
            live = self.find(owner, resource, one["metadata"]["name"])
            if live is not None and "deletionTimestamp" in live["metadata"]:
                continue
            if live is None or self._is_changed(resource, live, one):
                self._apply(owner, one)

    def _is_changed(self, resource: Resource, live: Object, wanted: Object) -> bool:
        if not is_rendered_alike(live, wanted):
            return resource == SERVICES
        mine = _left_to_others(live, wanted)
        return not (covers(live["spec"], mine["spec"]) and covers(live["metadata"], mine["metadata"]))

    def _apply(self, owner: Owner, wanted: Object) -> None:
        resource = KINDS[wanted["kind"]]
        live = self.find(owner, resource, wanted["metadata"]["name"])
        if live is not None and "deletionTimestamp" in live["metadata"]:
            return
        body = marked(wanted)
        try:
            self._keep(resource, self._api.apply(resource, _left_to_others(live, body) if live else body))
        except ApiError as error:
            if error.code != INVALID or live is None:
                raise
            # A field that cannot be changed: the object is made anew, by the pass that its end calls for.
            self._delete(resource, live)

    def _delete(self, resource: Resource, live: Object) -> None:
        about = live["metadata"]
        self._api.delete(resource, about["namespace"], about["name"], about["uid"])
        self._caches.of(resource).leaving(about["namespace"], about["name"], rfc3339(datetime.now(UTC)))

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
    """What of a role's objects does not run anything."""
    return (one for one in wanted if KINDS[one["kind"]] == SERVICES)


def _left_to_others(live: Object, wanted: Object) -> Object:
    """``wanted`` without the number of replicas where an autoscaler sets it."""
    if SCALED not in (live["metadata"].get("annotations") or {}):
        return wanted
    return {**wanted, "spec": {name: value for name, value in wanted["spec"].items() if name != "replicas"}}
