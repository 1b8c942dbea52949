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


def all_pages(api: Api, resource: Resource, namespace: str | None = None, selector: str = "") -> list[Object]:
    """Return all pages of the list of the objects of one namespace, or of all, that have these labels.

    Raises:
        ApiError: they could not be listed.
    """
    query = {"limit": PAGE, **labelled(selector)}
    pages: list[Object] = []
    while True:
        pages.append(api.page(resource, query, namespace=namespace))
        query["continue"] = pages[-1]["metadata"].get("continue") or ""
        if not query["continue"]:
            return pages


def labelled(selector: str) -> dict[str, str]:
    """Return the part of a query that chooses by labels."""
    return {"labelSelector": selector} if selector else {}


def all_of(api: Api, resource: Resource) -> list[Object] | None:
    """Return all objects of a kind; None where the cluster does not serve it.

    Raises:
        ApiError: they could not be listed.
    """
    try:
        pages = all_pages(api, resource)
    except ApiError as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return [live for page in pages for live in page.get("items") or ()]


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
