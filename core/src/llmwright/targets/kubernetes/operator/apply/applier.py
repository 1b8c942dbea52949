"""Carrying a decision out: what starts, ends and stays as it is, nodes, and the revision of what was written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Decision, Provision, Release, Start, Stop
from llmwright.lifecycle.observed import Observed, Role
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import INVALID, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONTROLLER_REVISIONS
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.operator.apply.children import REFUSALS, Children, Owner
from llmwright.targets.kubernetes.operator.apply.desired import Wanted
from llmwright.targets.kubernetes.operator.apply.preconditions import Additions
from llmwright.targets.kubernetes.operator.apply.revisions import Revision
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.observe.event_causes import refusal
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acts:
    """What was decided for one Workspace, and the objects that it takes."""

    owner: Owner
    provisioner: str
    decision: Decision
    wanted: Wanted
    revision: Revision


class Actor:
    """Writes whatever a decision asks for, but for the status."""

    def __init__(
        self, api: Api, caches: Caches, children: Children, additions: Additions, provisioning: Provisioning
    ) -> None:
        self._api, self._caches = api, caches
        self._children, self._additions, self._provisioning = children, additions, provisioning

    def act(self, acts: Acts) -> bool:
        """Carry all of it out; whether the next pass has to look at once, for an object was refused.

        Raises:
            ApiError: a write was refused or got lost; the pass is to be made again.
        """
        owner, wanted, key = acts.owner, acts.wanted, acts.owner.key
        self._keep(key, acts.revision)
        refused = False
        for action in acts.decision.actions:
            if isinstance(action, Start):
                objects = wanted.starting[action.role]
                start = partial(self._children.start, owner, action, objects)
                refused |= self._is_refused(key, action.role, objects, start)
            elif isinstance(action, Stop):
                self._children.stop(owner, action)
            elif isinstance(action, Provision | Release):
                self._provisioning.carry_out(key, acts.provisioner, action)
        self._children.repair(owner, wanted.services)
        for role, objects in wanted.standing.items():
            refused |= self._is_refused(key, role, objects, partial(self._children.keep, owner, role, objects))
        return refused

    def _is_refused(self, key: Key, role: Role, objects: Manifests, write: Callable[[], None]) -> bool:
        """Whether an object was refused that will be refused again: the next pass says so, and rests."""
        try:
            write()
        except TargetError as error:
            if isinstance(error, ApiError) and error.code not in REFUSALS:
                raise
            if self._additions.refuse(key, role, objects, refusal("ObjectRefused", error.message)):
                log.warning("%s/%s: %s", *key, error.message)
            return True
        return False

    def _keep(self, key: Key, revision: Revision) -> None:
        """Make the revision's object, and let go of one that is too old."""
        store = self._caches.of(CONTROLLER_REVISIONS)
        if revision.create is not None:
            try:
                found = self._api.apply(CONTROLLER_REVISIONS, revision.create)
                store.put(found, expected=found)
            except ApiError as error:
                if error.code != INVALID:
                    raise
                log.warning("%s/%s: two revisions share a name: %s", *key, error.message)
        if revision.outdated is not None:
            self._api.delete(CONTROLLER_REVISIONS, key[0], revision.outdated)
            store.forget(key[0], revision.outdated)


def may_follow(decision: Decision, observed: Observed, written: WorkspaceStatus | None) -> bool:
    """Whether the status may be written after what it tells of was done, and not before.

    So where a server starts that nothing gives way to: its objects belong to the Workspace and carry the plan's
    digests, so that whoever finds them after a crash decides the same. What is bought, deleted or brought by plugins
    is found by its record alone.
    """
    status = decision.status
    starts = [one for one in decision.actions if isinstance(one, Start)]
    others = [one for one in decision.actions if not isinstance(one, Start)]
    if decision.events or not starts or any(one.role != "serving" or one.replaces for one in starts):
        return False
    if status.object_kinds != (written.object_kinds if written is not None else []):
        return False
    if written is not None and written.plan == status.plan:
        return all(isinstance(one, Provision) for one in others)
    return not others and observed.release is not None and not observed.release.actions
