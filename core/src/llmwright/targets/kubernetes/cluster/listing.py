"""A cluster that is listed once, for commands: what an operator's caches would hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import NODES, Resource
from llmwright.values.nodes import LivingWorkspace, Watch
from llmwright.values.object_snapshot import ObjectSnapshot

Object = Mapping[str, Any]

PAGE = "500"


def all_of(api: Api, resource: Resource) -> list[Object] | None:
    """Return all objects of a kind; None where the cluster does not serve it.

    Raises:
        ApiError: they could not be listed.
    """
    items: list[Object] = []
    query = {"limit": PAGE}
    while True:
        try:
            page = api.page(resource, query)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        items += page.get("items") or []
        more = page["metadata"].get("continue")
        if not more:
            return items
        query["continue"] = more


def listed(api: Api, watches: Sequence[Watch]) -> ObjectSnapshot:
    """Return the nodes, and the objects of the kinds that a provisioner watches; raises ApiError."""
    kinds = {(NODES.group, NODES.plural): NODES}
    kinds |= {(watch.group, watch.plural): Resource(watch.group, watch.version, watch.plural) for watch in watches}
    answers = {kind: all_of(api, resource) for kind, resource in kinds.items()}
    return ObjectSnapshot(
        tuple(watches),
        {kind: objects for kind, objects in answers.items() if objects is not None},
        frozenset(kind for kind, objects in answers.items() if objects is None),
    )


def living(workspaces: Iterable[Object]) -> tuple[LivingWorkspace, ...]:
    """Return the Workspaces with what the plan in their status says of their nodes."""
    return tuple(map(_tenant, workspaces))


def _tenant(workspace: Object) -> LivingWorkspace:
    metadata, plan = workspace["metadata"], (workspace.get("status") or {}).get("plan") or {}
    return LivingWorkspace(
        namespace=metadata.get("namespace", ""),
        workspace=metadata["name"],
        provisioner=str(plan.get("provisioner") or ""),
        options=plan.get("options") or {},
    )
