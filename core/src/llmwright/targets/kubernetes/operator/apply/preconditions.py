"""What stands in the way of a role's objects: kinds that are not there, rights that are not given, refusals."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from llmwright.errors import NotYet, PluginError, TargetError
from llmwright.lifecycle.observed import Role, Trouble
from llmwright.targets.kubernetes.cluster.informer import Informer
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.manifests.object_metadata import role_of
from llmwright.targets.kubernetes.operator.apply.children import BRINGABLE, Children, Owner
from llmwright.targets.kubernetes.operator.apply.discovery import Kinds
from llmwright.targets.kubernetes.operator.apply.drift import fingerprint
from llmwright.targets.kubernetes.operator.cache.informers import Caches

REST_S = 60.0
"""How long an object that was refused is not tried again, unless it is rendered otherwise."""

FORBIDDEN_HINT = "give the operator's role a ClusterRole for it: docs/plugins.md"


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused, why, and until when (of the monotonic clock) that holds."""

    wanted: tuple[str, ...]
    trouble: Trouble
    until: float


class Additions:
    """Looks at the objects of a role before the first of them is applied."""

    def __init__(self, kinds: Kinds, caches: Caches) -> None:
        self._kinds, self._caches = kinds, caches
        self._refused: dict[tuple[Key, Role], Refused] = {}

    def hindrance(self, key: Key, role: Role, wanted: Manifests) -> Trouble | None:
        """Why ``wanted`` cannot be applied now, None where nothing is known against it.

        Raises:
            NotYet: the cluster is being asked, and the Workspace is called when it has answered.
            PluginContract: an object can belong to no Workspace.
        """
        refused = self._refused.get((key, role))
        if refused is not None and refused.wanted == _prints(wanted) and time.monotonic() < refused.until:
            return refused.trouble
        for one in (one for one in wanted if role_of(one) is not None):
            try:
                resource = self._kinds.resource(key, one)
            except (NotYet, PluginError):
                raise
            except TargetError as error:
                return Trouble(error.reason, f"{error.message} ({error.hint})")
            trouble = unseen(self._caches.owned(resource), f"{one['kind']} ({one['apiVersion']})")
            if trouble is not None:
                return trouble
            if not self._caches.owned(resource).synced:
                raise NotYet(f"{resource} is being listed")
        return None

    def refuse(self, key: Key, role: Role, wanted: Manifests, trouble: Trouble) -> bool:
        """One of ``wanted`` was refused; False where that was known."""
        before = self._refused.get((key, role))
        self._refused[key, role] = Refused(_prints(wanted), trouble, time.monotonic() + REST_S)
        return before is None or before.trouble != trouble

    def forget(self, key: Key) -> None:
        """The Workspace is gone."""
        for known in [one for one in self._refused if one[0] == key]:
            del self._refused[known]

    def kinds(self, owner: Owner, children: Children, wanted: Iterable[Manifests]) -> list[str]:
        """The kinds of all that plugins bring, or brought and is still there or cannot be seen."""
        found = {self._kinds.resource(owner.key, one) for part in wanted for one in part if role_of(one) is not None}
        found |= {resource for resource, _ in children.brought(owner)}
        found |= {resource for resource in owner.kinds if self._caches.owned(resource).refused}
        return sorted(resource.full for resource in found - {*BRINGABLE})


def unseen(informer: Informer, kind: str) -> Trouble | None:
    """Why objects of a kind cannot be seen, None where they can, or will be."""
    if informer.refused:
        return Trouble("KindForbidden", f"the operator may not watch {kind}: {informer.refused} ({FORBIDDEN_HINT})")
    if not informer.served:
        return Trouble("KindNotServed", f"the cluster does not serve {kind} (install the CRD that brings it)")
    return None


def _prints(wanted: Manifests) -> tuple[str, ...]:
    return tuple(map(fingerprint, wanted))
