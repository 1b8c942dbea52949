"""The Workspace that one pass is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmwright.api.document import Document
from llmwright.api.parsing import validate_workspace
from llmwright.api.status import WorkspaceStatus
from llmwright.api.versions import V1BETA1
from llmwright.api.workspace import ObjectMeta, Workspace
from llmwright.errors import InvalidWorkspace
from llmwright.lifecycle.observed import Trouble
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_resources import STATEFULSETS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSubject:
    """The ``live`` object, the Workspace read from it, and what holds for the whole pass.

    ``status`` is the one decided last: the live status, or a newer one that waits to be written. ``runtime`` is that of
    the Plan; None without a server or where the runtime cannot be used.
    """

    live: Mapping[str, Any]
    workspace: Workspace
    status: WorkspaceStatus | None
    runtime: Runtime | None
    now: datetime

    @property
    def key(self) -> Key:
        """Namespace and name of the Workspace."""
        return self.workspace.namespace, self.workspace.name

    @property
    def owner(self) -> Owner:
        """The Workspace as its children name it."""
        texts = self.status.object_kinds if self.status is not None else []
        kinds = frozenset(kind for kind in map(Resource.parse, texts) if kind is not None)
        uid = self.workspace.metadata.uid or ""
        return Owner(self.workspace.namespace, self.workspace.name, uid, server_of(self.runtime), kinds)

    def reported(self, kind: str) -> str:
        """Return the reason of a condition as it was decided last; empty where it is not set."""
        condition = self.status.condition(kind) if self.status is not None else None
        return condition.reason if condition is not None else ""

    @property
    def kinds(self) -> frozenset[Resource]:
        """The kinds, beside those watched for every Workspace, that have to be listed before it can be judged."""
        if self.runtime is None:
            return self.owner.kinds
        watches = [*self.runtime.watches(), *([self.runtime.serves_as] if self.runtime.serves_as else [])]
        return self.owner.kinds | {Resource(watch.group, watch.version, watch.plural) for watch in watches}


def server_of(runtime: Runtime | None) -> Resource:
    """Return the kind of a runtime's server on a cluster."""
    serves_as = runtime.serves_as if runtime is not None else None
    return Resource(serves_as.group, serves_as.version, serves_as.plural) if serves_as is not None else STATEFULSETS


def parsed(live: Mapping[str, Any]) -> tuple[Workspace, Trouble | None]:
    """Return the Workspace, and why it cannot be read: then it has a name and a status, to be refused and deleted."""
    try:
        return validate_workspace(Document({"apiVersion": V1BETA1, "kind": "Workspace", **live})), None
    except InvalidWorkspace as error:
        bare = Workspace(
            api_version="kaito.sh/v1beta1",
            kind="Workspace",
            metadata=ObjectMeta.model_validate(live["metadata"]),
            status=WorkspaceStatus.model_validate(live.get("status") or {}),
        )
        return bare, Trouble.of(error)
