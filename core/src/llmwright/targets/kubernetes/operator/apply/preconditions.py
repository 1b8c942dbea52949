"""The obstacles to applying a role's objects: kinds that are not served, rights that are missing, refusals."""

from __future__ import annotations

import time

from llmwright.errors import NotYet, PluginError, TargetError
from llmwright.lifecycle.observed import Role, Trouble
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifest, Manifests
from llmwright.targets.kubernetes.manifests.autoscaler import is_own_autoscaler
from llmwright.targets.kubernetes.manifests.object_metadata import role_of
from llmwright.targets.kubernetes.operator.apply.api_discovery import Discovery
from llmwright.targets.kubernetes.operator.apply.desired import Desired
from llmwright.targets.kubernetes.operator.apply.drift import fingerprint
from llmwright.targets.kubernetes.operator.cache.children import ADDABLE, Children
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.targets.kubernetes.operator.memory import Memory, RefusedObjects

REST_S = 60.0
"""How long a role of which an object was refused is not tried again, unless it is rendered otherwise."""

MOST_OTHER = 3
"""So often in a row what is rendered otherwise is tried at once."""


class Preconditions:
    """Looks at the objects of a role before the first of them is applied."""

    def __init__(self, discovery: Discovery, children: Children, memory: Memory) -> None:
        self._discovery, self._children, self._memory = discovery, children, memory

    def blockers(self, key: Key, desired: Desired) -> dict[Role, Trouble]:
        """Return for each role why its objects cannot be applied now; roles that nothing is known against are left out.

        Raises:
            NotYet: the cluster is being asked; a pass over the Workspace is called for when it has answered.
            PluginContract: an object can belong to no Workspace.
        """
        blockers = {role: self._blocker(key, role, objects) for role, objects in desired.whole.items()}
        return {role: trouble for role, trouble in blockers.items() if trouble is not None}

    def against_autoscaler(self, key: Key, desired: Desired) -> Trouble | None:
        """Return why the autoscaler of the Workspace cannot be applied now; raises as ``blockers``.

        It blocks no role: nodes that are paid would stand idle for want of KEDA.
        """
        own = (manifest for manifest in desired.whole.get("serving", ()) if is_own_autoscaler(manifest, key[1]))
        return next((trouble for manifest in own if (trouble := self._obstacle(key, manifest)) is not None), None)

    def refuse(self, key: Key, role: Role, objects: Manifests, trouble: Trouble) -> bool:
        """Remember that one of ``objects`` was refused; return False where that was known."""
        refused = self._memory.of(key).refused_objects
        before, digests, now = refused.get(role), _digests(objects), time.monotonic()
        differs = before is not None and before.digests != digests and now < before.until
        other = before.other + 1 if before is not None and differs else 0
        refused[role] = RefusedObjects(digests, trouble, now + REST_S, other)
        return before is None or before.trouble != trouble

    def added_kinds(self, owner: Owner, desired: Desired) -> list[str]:
        """Return the kinds of all objects that plugins add, or added and that are still there or cannot be seen.

        Kinds that are watched for every Workspace are left out.
        """
        objects = [manifest for role in desired.whole.values() for manifest in role if role_of(manifest) is not None]
        kinds = {self._discovery.resource(owner.key, manifest) for manifest in objects}
        kinds |= {resource for resource, _ in self._children.added(owner)}
        kinds |= {resource for resource in owner.kinds if self._children.informer(resource).refused}
        return sorted(resource.full for resource in kinds - {*ADDABLE})

    def _blocker(self, key: Key, role: Role, objects: Manifests) -> Trouble | None:
        refused = self._memory.of(key).refused_objects.get(role)
        if refused is not None and _rests(refused, _digests(objects)):
            return refused.trouble
        obstacles = (self._obstacle(key, manifest) for manifest in objects if role_of(manifest) is not None)
        return next((trouble for trouble in obstacles if trouble is not None), None)

    def _obstacle(self, key: Key, manifest: Manifest) -> Trouble | None:
        try:
            resource = self._discovery.resource(key, manifest)
        except (NotYet, PluginError):
            raise
        except TargetError as error:
            return Trouble.of(error)
        trouble = self._children.unseen(resource, f"{manifest['kind']} ({manifest['apiVersion']})")
        if trouble is None and not self._children.informer(resource).synced:
            raise NotYet(f"{resource} is being listed")
        return trouble


def _rests(refused: RefusedObjects, digests: tuple[str, ...]) -> bool:
    # A plugin that renders otherwise each time would else be refused as often as the API server can.
    same = refused.digests == digests or refused.other >= MOST_OTHER
    return same and time.monotonic() < refused.until


def _digests(objects: Manifests) -> tuple[str, ...]:
    return tuple(map(fingerprint, objects))
