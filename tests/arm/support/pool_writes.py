"""Agent pools made, changed and deleted: what is refused, and the operations that carry the rest out."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.arm.support import arm_errors
from tests.arm.support.pools import Cluster, Operation, Pool, completed
from tests.arm.support.rules import check_change, check_pool
from tests.arm.support.tokens import CLIENT
from tests.arm.support.wire import Answer, ArmError, Json, Request

if TYPE_CHECKING:
    from tests.arm.support.cloud import Cloud

__all__ = ["CLIENT", "check_free", "delete", "headers", "put", "start"]
OPERATION_VERSION = "2017-08-31"


def put(cloud: Cloud, cluster: Cluster, name: str, request: Request, doom: ArmError | None) -> Answer:
    """Create or update the pool ``name``. Raises ArmError for a refusal."""
    sent = _properties(request)
    old = cluster.pools.get(name)
    wanted = completed(
        {**(old.properties if old else {}), **{key: value for key, value in sent.items() if value is not None}}
    )
    _check_power(cluster, "putting agent pools")
    _check_etag(request, old)
    check_pool(name, wanted, cloud.skus.get(str(wanted.get("vmSize"))), cluster.location)
    if old:
        check_change(old.properties, wanted)
    elif len(cluster.pools) >= cloud.pool_limit:
        raise arm_errors.too_many_pools(cloud.pool_limit)
    _check_busy(cloud, cluster, old, put=True)
    _check_room(cloud, cluster, old, wanted, before=True)
    return (
        _start_update(cloud, cluster, old, wanted, doom) if old else _start_create(cloud, cluster, name, wanted, doom)
    )


def delete(cloud: Cloud, cluster: Cluster, name: str, request: Request, doom: ArmError | None) -> Answer:
    """Delete the pool ``name``. Raises ArmError for a refusal."""
    pool = cluster.pools.get(name)
    if pool is None:
        if cloud.delete_missing == 404:
            raise arm_errors.pool_not_found()
        return Answer(204)
    _check_power(cluster, "deleting agent pools")
    _check_etag(request, pool)
    systems = [it for it in cluster.pools.values() if it.properties["mode"] == "System"]
    if systems == [pool]:
        raise arm_errors.last_system_pool()
    preempts = cloud.delete_preempts and pool.state != "Deleting"
    _check_busy(cloud, cluster, None if preempts else pool, besides=pool)
    _preempt(cloud, pool)
    pool.state = "Deleting"
    operation = _operation(cloud, cluster, "delete", pool, cloud.delete_s, doom)
    operation.finish = lambda: _finish_delete(cluster, pool, operation)
    return Answer(202, None, headers(cloud, operation, operation.style))


def headers(cloud: Cloud, operation: Operation, style: str) -> Json:
    """Return the headers by which a client follows the operation."""
    home = f"{cloud.endpoint}/subscriptions/{cloud.subscription}/providers/Microsoft.ContainerService"
    base = f"{home}/locations/{operation.location}"
    urls = {
        "azure-async": ("Azure-AsyncOperation", f"{base}/operations/{operation.id}"),
        "location": ("Location", f"{base}/operationresults/{operation.id}"),
    }
    shown = urls if style == "both" else (style,)
    links = {urls[it][0]: f"{urls[it][1]}?api-version={OPERATION_VERSION}" for it in shown}
    return {**links, "Retry-After": f"{cloud.retry_after_s:g}"}


def _properties(request: Request) -> Json:
    try:
        body = json.loads(request.body)
        properties: Json = dict(body["properties"])
    except (ValueError, KeyError, TypeError) as error:
        text = f"The request content was invalid and could not be deserialized: '{error}'."
        raise ArmError(400, "InvalidRequestContent", text) from error
    return properties


def _check_power(cluster: Cluster, verb: str) -> None:
    if cluster.power != "Running":
        raise arm_errors.stopped(verb)
    if cluster.provisioning not in ("Succeeded", "Failed", "Canceled"):
        raise arm_errors.busy_cluster(cluster.provisioning)


def _check_etag(request: Request, old: Pool | None) -> None:
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is not None and (old is None or wanted.strip('"') not in ("*", old.etag)):
        raise arm_errors.precondition()
    if unwanted is not None and old is not None and unwanted.strip('"') in ("*", old.etag):
        raise arm_errors.precondition()


def _check_busy(
    cloud: Cloud, cluster: Cluster, pool: Pool | None, *, put: bool = False, besides: Pool | None = None
) -> None:
    """Raise where an operation runs on ``pool``, or, by setting, on any other than ``besides``."""
    others = [other for other in cluster.pools.values() if other is not pool and other is not besides]
    for other in [*([pool] if pool else []), *(others if cloud.busy == "cluster" else [])]:
        if other is pool and put and other.state == "Creating":
            raise arm_errors.creating()
        if other.state not in ("Succeeded", "Failed", "Canceled"):
            raise arm_errors.busy_pool(other.name, other.state)


def _check_room(cloud: Cloud, cluster: Cluster, pool: Pool | None, wanted: Json, *, before: bool) -> None:
    """Raise where quota or subnet do not suffice for the machines that come in addition."""
    more = int(wanted["count"]) - (len(pool.instances) if pool else 0)
    sku = cloud.skus.get(wanted["vmSize"])
    spot = wanted.get("scaleSetPriority") == "Spot"
    if sku and more > 0 and before == (cloud.quota_checked == "put"):
        for family in cloud.families(sku, spot):
            limit, used = cloud.quotas[family].limit, cloud.used(family, cluster.location, wanted=before)
            if used + more * sku.vcpus > limit:
                if before:
                    raise arm_errors.quota_refused(family, cluster.location, more * sku.vcpus, max(0, limit - used))
                raise arm_errors.quota_exceeded(family, cluster.location, limit, used, more * sku.vcpus)
    subnet = wanted.get("vnetSubnetID") or ""
    if more > 0 and subnet in cloud.subnets and before == (cloud.subnet_checked == "put"):
        others = [it for it in cluster.pools.values() if it.properties.get("vnetSubnetID") == subnet and it is not pool]
        needed = sum(it.count for it in others) + int(wanted["count"])
        if needed > cloud.subnets[subnet]:
            name = subnet.rsplit("/", 1)[-1]
            full = arm_errors.subnet_full(needed, name)
            raise arm_errors.subnet_refused(needed, cloud.subnets[subnet], name) if before else full


def _start_create(cloud: Cloud, cluster: Cluster, name: str, wanted: Json, doom: ArmError | None) -> Answer:
    pool = cluster.pools[name] = Pool(name, wanted, cloud.now())
    operation = _operation(cloud, cluster, "create", pool, cloud.create_s, doom)
    operation.finish = lambda: _finish_put(cloud, cluster, pool, operation)
    return Answer(201, pool.wire(cluster.id), headers(cloud, operation, operation.style))


def _start_update(cloud: Cloud, cluster: Cluster, pool: Pool, wanted: Json, doom: ArmError | None) -> Answer:
    pool.state = "Scaling" if wanted["count"] != pool.count else "Updating"
    pool.properties, pool.changes = wanted, pool.changes + 1
    operation = _operation(cloud, cluster, "update", pool, cloud.update_s, doom)
    operation.finish = lambda: _finish_put(cloud, cluster, pool, operation)
    return Answer(200, pool.wire(cluster.id), headers(cloud, operation, operation.style))


def check_free(cloud: Cloud, cluster: Cluster, pool: Pool) -> None:
    """Raise ArmError where the cluster is stopped, or another operation is in the way."""
    _check_power(cluster, "deleting machines")
    _check_busy(cloud, cluster, pool)


def start(cloud: Cloud, cluster: Cluster, verb: str, pool: Pool, seconds: float, doom: ArmError | None) -> Operation:
    """Start an operation on ``pool``."""
    return _operation(cloud, cluster, verb, pool, seconds, doom)


def _operation(
    cloud: Cloud, cluster: Cluster, verb: str, pool: Pool, seconds: float, doom: ArmError | None
) -> Operation:
    number = len(cloud.operations) + 1
    styles = cloud.lro_styles or (cloud.lro_style,)
    now, ends = cloud.now(), cloud.now() + timedelta(seconds=seconds)
    operation = Operation(
        str(uuid.UUID(int=number)), verb, pool.name, cluster.location, now, ends, lambda: None,
        style=styles[number % len(styles)], doom=doom,
    )  # fmt: skip
    cloud.operations[operation.id] = pool.operation = operation
    return operation


def _finish_put(cloud: Cloud, cluster: Cluster, pool: Pool, operation: Operation) -> None:
    error = operation.doom or _failure(cloud, cluster, pool)
    if error:
        pool.state, pool.failure = "Failed", arm_errors.reconcile_failed(error)
        operation.settled, operation.error = "Failed", pool.failure
        return
    pool.state, pool.failure, operation.settled = "Succeeded", None, "Succeeded"
    pool.set_instances(pool.count, operation.ends + timedelta(seconds=cloud.join_s))


def _failure(cloud: Cloud, cluster: Cluster, pool: Pool) -> ArmError | None:
    """Return why the machines of an accepted pool cannot be had, None where they can."""
    size, zones = pool.properties["vmSize"], pool.properties.get("availabilityZones") or []
    if pool.count <= len(pool.instances):
        return None
    sku = cloud.skus.get(size)
    if sku is None or not sku.offered(cluster.location):
        return arm_errors.sku_not_available(size, cluster.location)
    taken = {zone for name, zone in cloud.exhausted if name == size and zone}
    if (size, None) in cloud.exhausted or (zones and set(zones) <= taken):
        return arm_errors.no_capacity(size, zones, pool.spot)
    try:
        _check_room(cloud, cluster, pool, pool.properties, before=False)
    except ArmError as error:
        return error
    return None


def _finish_delete(cluster: Cluster, pool: Pool, operation: Operation) -> None:
    if operation.doom:
        pool.state, pool.failure = "Failed", arm_errors.reconcile_failed(operation.doom)
        operation.settled, operation.error = "Failed", pool.failure
        return
    operation.settled = "Succeeded"
    if cluster.pools.get(pool.name) is pool:
        cluster.remove(pool.name)
        pool.gone_at = operation.ends


def _preempt(cloud: Cloud, pool: Pool) -> None:
    """End the operation that runs on the pool, if any, for a delete."""
    operation = pool.operation
    if operation and operation.running:
        operation.running, operation.ends, operation.settled = False, cloud.now(), "Canceled"
        operation.error = arm_errors.preempted(pool.name).inner
