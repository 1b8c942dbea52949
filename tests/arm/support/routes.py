"""Which request is which, who may make it, and the answers that only read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.arm.support import arm_errors, pool_machines, pool_writes
from tests.arm.support.pools import Cluster, Operation
from tests.arm.support.wire import Answer, ArmError, Json, Request

if TYPE_CHECKING:
    from tests.arm.support.cloud import Cloud

AKS = "Microsoft.ContainerService"
SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
CLUSTERS = rf"{SUBSCRIPTION}/resourceGroups/(?P<group>[^/]+)/providers/{AKS}/managedClusters"
CLUSTER = rf"{CLUSTERS}/(?P<cluster>[^/]+)"
POOL = rf"{CLUSTER}/agentPools/(?P<pool>[^/]+)"
OPERATIONS = rf"{SUBSCRIPTION}/providers/{AKS}/locations/(?P<location>[^/]+)"
COMPUTE = rf"{SUBSCRIPTION}/providers/Microsoft.Compute"
API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


@dataclass(frozen=True)
class Route:
    """A kind of request, and the permission that it needs."""

    kind: str
    method: str
    pattern: str
    action: str


ROUTES = (
    Route("clusters.list", "GET", rf"{SUBSCRIPTION}/providers/{AKS}/managedClusters", f"{AKS}/managedClusters/read"),
    Route("clusters.list", "GET", CLUSTERS, f"{AKS}/managedClusters/read"),
    Route("clusters.get", "GET", CLUSTER, f"{AKS}/managedClusters/read"),
    Route("pools.list", "GET", f"{CLUSTER}/agentPools", f"{AKS}/managedClusters/agentPools/read"),
    Route("pools.get", "GET", POOL, f"{AKS}/managedClusters/agentPools/read"),
    Route("pools.put", "PUT", POOL, f"{AKS}/managedClusters/agentPools/write"),
    Route("pools.delete", "DELETE", POOL, f"{AKS}/managedClusters/agentPools/delete"),
    Route("machines.list", "GET", f"{POOL}/machines", f"{AKS}/managedClusters/agentPools/machines/read"),
    Route(
        "machines.delete", "POST", f"{POOL}/deleteMachines", f"{AKS}/managedClusters/agentPools/deleteMachines/action",
    ),
    Route("operations.get", "GET", rf"{OPERATIONS}/operations/(?P<status>[^/]+)", f"{AKS}/locations/operations/read"),
    Route(
        "operations.get", "GET", rf"{OPERATIONS}/operationresults/(?P<result>[^/]+)",
        f"{AKS}/locations/operationresults/read",
    ),
    Route(
        "usages.list", "GET", rf"{COMPUTE}/locations/(?P<location>[^/]+)/usages",
        "Microsoft.Compute/locations/usages/read",
    ),
    Route("skus.list", "GET", rf"{COMPUTE}/skus", "Microsoft.Compute/skus/read"),
)  # fmt: skip
PATTERNS = tuple((route, re.compile(route.pattern, re.IGNORECASE)) for route in ROUTES)


def match(request: Request) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a request and the names in its path."""
    path = request.path.rstrip("/")
    for route, pattern in PATTERNS:
        names = pattern.fullmatch(path) if route.method == request.method else None
        if names:
            return route, names.groupdict()
    return None


def kind_of(request: Request) -> str:
    """Return the kind under which a request is counted."""
    matching = match(request)
    return matching[0].kind if matching else "unknown"


def route(cloud: Cloud, request: Request, doom: ArmError | None) -> Answer:
    """Return the answer of the resource provider. Raises ArmError for a refusal."""
    _check_version(request)
    matching = match(request)
    if matching is None:
        raise ArmError(404, "InvalidResourceType", f"No route of this test server for {request.method} {request.path}.")
    route, names = matching
    if names["subscription"].lower() != cloud.subscription:
        text = f"The subscription '{names['subscription']}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", text)
    if route.action in cloud.denied:
        raise arm_errors.denied(pool_writes.CLIENT, route.action, request.path)
    if route.kind == "pools.put":
        return pool_writes.put(cloud, _cluster(cloud, names), names["pool"], request, doom)
    if route.kind == "pools.delete":
        return pool_writes.delete(cloud, _cluster(cloud, names), names["pool"], request, doom)
    if route.kind == "machines.delete":
        return pool_machines.delete_machines(cloud, _cluster(cloud, names), names["pool"], request, doom)
    return READS[route.kind](cloud, request, names)


def _check_version(request: Request) -> None:
    version = request.query.get("api-version")
    if version is None:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise ArmError(400, "MissingApiVersionParameter", text)
    if not API_VERSION.fullmatch(version):
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")


def _cluster(cloud: Cloud, names: dict[str, str]) -> Cluster:
    group = names["group"].lower()
    if group not in {known for known, _ in cloud.clusters}:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{names['group']}' could not be found.")
    cluster = cloud.clusters.get((group, names["cluster"].lower()))
    if cluster is None:
        raise arm_errors.not_found(f"{AKS}/managedClusters", names["cluster"], names["group"])
    return cluster


def _list_clusters(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    group = names.get("group")
    shown = [it for it in cloud.clusters.values() if group is None or it.group.lower() == group.lower()]
    return Answer(200, {"value": [cluster.wire(cloud.list_lag_s) for cluster in shown]})


def _get_cluster(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    return Answer(200, _cluster(cloud, names).wire(cloud.list_lag_s))


def _list_pools(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    cluster = _cluster(cloud, names)
    start = int(request.query.get("$skiptoken", "0"))
    shown = cluster.shown(cloud.list_lag_s)
    page = shown[start : start + cloud.page_size]
    body: Json = {"value": [pool.wire(cluster.id) for pool in page]}
    if start + cloud.page_size < len(shown):
        version = request.query["api-version"]
        body["nextLink"] = (
            f"{cloud.endpoint}{request.path}?api-version={version}&%24skiptoken={start + cloud.page_size}"
        )
    return Answer(200, body)


def _list_machines(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    return pool_machines.machines(_cluster(cloud, names), names["pool"])


def _get_pool(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    cluster = _cluster(cloud, names)
    pool = cluster.pools.get(names["pool"])
    if pool is None or pool.created > cloud.now() - timedelta(seconds=cloud.get_lag_s):
        raise arm_errors.pool_not_found()
    return Answer(200, pool.wire(cluster.id), {"etag": pool.etag})


def _get_operation(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    operation = cloud.operations.get(names.get("status") or names.get("result") or "")
    kept = timedelta(seconds=cloud.operation_kept_s)
    if operation is None or (not operation.running and operation.ends + kept <= cloud.now()):
        raise ArmError(404, "NotFound", "The entity was not found.")
    if "status" in names:
        headers = {"Retry-After": f"{cloud.retry_after_s:g}"} if operation.running else {}
        return Answer(200, operation.wire(), headers)
    return _result(cloud, operation)


def _result(cloud: Cloud, operation: Operation) -> Answer:
    """Return what Location shows: 202 while it runs, then the result, or the failure as a refusal."""
    if operation.running:
        return Answer(202, None, pool_writes.headers(cloud, operation, "location"))
    if operation.error:
        return Answer(400, {"error": operation.error})
    if operation.verb == "delete":
        return Answer(204)
    for cluster in cloud.clusters.values():
        pool = cluster.pools.get(operation.pool)
        if pool:
            return Answer(200, pool.wire(cluster.id))
    raise arm_errors.pool_not_found()


def _usages(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    def entry(family: str, limit: int, used: int, text: str) -> Json:
        name = {"value": family, "localizedValue": text}
        return {"unit": "Count", "currentValue": used, "limit": limit, "name": name}

    location = names["location"].lower()
    texts = {"cores": "Total Regional vCPUs", "lowPriorityCores": "Total Regional Spot vCPUs"}
    rows = [
        entry(family, quota.limit, cloud.used(family, location), texts.get(family, f"{family} vCPUs"))
        for family, quota in cloud.quotas.items()
    ]
    return Answer(200, {"value": [*rows, entry("virtualMachineScaleSets", 2500, 1, "Virtual Machine Scale Sets")]})


def _skus(cloud: Cloud, request: Request, names: dict[str, str]) -> Answer:
    asked = re.fullmatch(r"location eq '([^']*)'", request.query.get("$filter", ""))
    places = [asked[1].lower()] if asked else sorted({place for sku in cloud.skus.values() for place in sku.zones})
    rows = [sku.wire(place) for place in places for sku in cloud.skus.values() if place in sku.zones]
    rows += [
        {"resourceType": "disks", "name": f"Premium_LRS_{number}", "locations": [places[0]], "restrictions": []}
        for number in range(cloud.filler_skus)
    ]
    return Answer(200, {"value": rows})


READS: dict[str, Callable[[Cloud, Request, dict[str, str]], Answer]] = {
    "clusters.list": _list_clusters,
    "clusters.get": _get_cluster,
    "pools.list": _list_pools,
    "pools.get": _get_pool,
    "machines.list": _list_machines,
    "operations.get": _get_operation,
    "usages.list": _usages,
    "skus.list": _skus,
}
