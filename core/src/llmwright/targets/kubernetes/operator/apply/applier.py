"""Carrying out a decision as far as objects are concerned: what starts, stops, and stays as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Decision, Provision, Scale, Start, Stop
from llmwright.lifecycle.observed import Observed, Role
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.operator.apply.desired import Desired
from llmwright.targets.kubernetes.operator.apply.object_writer import REFUSALS, ObjectWriter
from llmwright.targets.kubernetes.operator.apply.preconditions import Preconditions
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.targets.kubernetes.operator.observe.event_causes import refusal

log = logging.getLogger(__name__)


class Applier:
    """Writes the objects of a Workspace."""

    def __init__(self, writer: ObjectWriter, preconditions: Preconditions) -> None:
        self._writer, self._preconditions = writer, preconditions

    def apply(self, owner: Owner, decision: Decision, desired: Desired) -> bool:
        """Write all of it; return whether an object was refused, so that the next pass has to report it at once.

        Raises:
            ApiError: a write was refused or got lost; the pass is to be made again.
        """
        refused = False
        for action in decision.actions:
            if isinstance(action, Start):
                objects = desired.starting[action.role]
                write = partial(self._writer.start, owner, action, objects)
                refused |= self._is_refused(owner.key, action.role, objects, write)
            elif isinstance(action, Scale):
                write = partial(self._writer.scale, owner, action, desired.scaled)
                refused |= self._is_refused(owner.key, "serving", desired.scaled, write)
            elif isinstance(action, Stop):
                self._writer.stop(owner, action)
        self._writer.repair(owner, desired.services)
        for role, objects in desired.standing.items():
            write = partial(self._writer.keep, owner, role, objects)
            refused |= self._is_refused(owner.key, role, objects, write)
        return refused

    def renders_otherwise(self, owner: Owner, desired: Desired) -> bool:
        """Return whether a server that stays as it is would be made otherwise today, as with other images."""
        return any(self._writer.runs_otherwise(owner, manifest) for manifest in desired.standing.get("serving", ()))

    def stop(self, owner: Owner, decision: Decision) -> None:
        """Delete the objects of the roles that stop; raises as ``apply``."""
        for action in decision.actions:
            if isinstance(action, Stop):
                self._writer.stop(owner, action)

    def correct(self, owner: Owner, runtime: Runtime) -> None:
        """Bring in line with a runtime's server what its controller leaves behind; raises as the writer's."""
        self._writer.correct(owner, runtime)

    def _is_refused(self, key: Key, role: Role, objects: Manifests, write: Callable[[], None]) -> bool:
        """Return whether an object was refused that will be refused again; the next pass reports it, and rests."""
        try:
            write()
        except TargetError as error:
            if isinstance(error, ApiError) and error.code not in REFUSALS:
                raise
            if self._preconditions.refuse(key, role, objects, refusal("ObjectRefused", error.message)):
                log.warning("%s/%s: %s", *key, error.message)
            return True
        return False


def may_follow(decision: Decision, observed: Observed, live_status: WorkspaceStatus | None) -> bool:
    """Return whether the status may be written after the objects, and not before.

    That is so where a server starts and replaces nothing. Its objects have the Workspace as their owner and carry the
    plan's digests: an operator that crashes before it writes the status finds them, and decides the same. Anything that
    is bought, deleted or added by plugins is found by its record alone.
    """
    status = decision.status
    starts = [action for action in decision.actions if isinstance(action, Start)]
    others = [action for action in decision.actions if not isinstance(action, Start)]
    if decision.events or not starts or any(start.role != "serving" or start.replaces for start in starts):
        return False
    if status.object_kinds != (live_status.object_kinds if live_status is not None else []):
        return False
    if live_status is not None and live_status.plan == status.plan:
        return all(isinstance(action, Provision) for action in others)
    return not others and observed.release is not None and not observed.release.actions
