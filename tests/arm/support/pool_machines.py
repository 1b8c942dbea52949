"""The machines of an agent pool: listed, deleted by name, and lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.arm.support import arm_errors, pool_writes
from tests.arm.support.nodes import machine_name
from tests.arm.support.pools import POOL_TYPE, Cluster, Operation, Pool
from tests.arm.support.wire import Answer, ArmError, Request

if TYPE_CHECKING:
    from tests.arm.support.cloud import Cloud


def machines(cluster: Cluster, name: str) -> Answer:
    """Return the machines of the pool ``name``. Raises ArmError where there is none."""
    pool = _pool(cluster, name)
    names = [machine_name(cluster, pool, number) for number in pool.instances]
    kind = f"{POOL_TYPE}/machines"
    home = f"{cluster.id}/agentPools/{pool.name}/machines"
    return Answer(200, {"value": [{"id": f"{home}/{it}", "name": it, "type": kind, "properties": {}} for it in names]})


def delete_machines(cloud: Cloud, cluster: Cluster, name: str, request: Request, doom: ArmError | None) -> Answer:
    """Delete the machines that the body names; the pool wants that many fewer. Raises ArmError for a refusal."""
    pool = _pool(cluster, name)
    wanted = set(json.loads(request.body)["machineNames"])
    numbers = {number for number in pool.instances if machine_name(cluster, pool, number) in wanted}
    if len(numbers) < len(wanted):
        raise ArmError(400, "InvalidParameter", f"Machines not found in agent pool {name}.", bare=True)
    pool_writes.check_free(cloud, cluster, pool)
    pool.state, pool.changes = "Updating", pool.changes + 1
    pool.properties["count"] = pool.count - len(numbers)
    operation = pool_writes.start(cloud, cluster, "update", pool, cloud.update_s, doom)
    operation.finish = lambda: _finish(pool, operation, numbers)
    return Answer(202, None, pool_writes.headers(cloud, operation, operation.style))


def kill(cluster: Cluster, node: str) -> bool:
    """Let one machine vanish from its scale set: the pool's count says nothing of it. Return whether it was there."""
    for pool in cluster.pools.values():
        for number in pool.instances:
            if machine_name(cluster, pool, number) == node:
                _remove(pool, number)
                return True
    return False


def _pool(cluster: Cluster, name: str) -> Pool:
    pool = cluster.pools.get(name)
    if pool is None:
        raise arm_errors.pool_not_found()
    return pool


def _finish(pool: Pool, operation: Operation, numbers: set[int]) -> None:
    if operation.doom:
        pool.state, pool.failure = "Failed", arm_errors.reconcile_failed(operation.doom)
        operation.settled, operation.error = "Failed", pool.failure
        return
    for number in numbers & {*pool.instances}:
        _remove(pool, number)
    pool.state, operation.settled = "Succeeded", "Succeeded"


def _remove(pool: Pool, number: int) -> None:
    pool.instances.remove(number)
    pool.joined_at.pop(number)
