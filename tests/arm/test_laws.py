"""Laws that hold whatever is asked, whatever goes wrong, and whoever else has a hand in it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from tests.arm.support.asking import A100, Asking
from tests.arm.support.cloud import LRO_STYLES, Cloud
from tests.arm.support.faults import Seeded
from tests.arm.support.wire import ConnectionBrokenError, Crashed

NAMES = ("a", "b", "c", "d")
ANSWERS = {0, 200, 201, 202, 204, 400, 404, 409, 429, 500, 503}


def world(seed: int) -> tuple[random.Random, Asking]:
    """Return a cloud whose settings, limits and faults follow from ``seed``."""
    chance = random.Random(seed)
    cloud = Cloud(
        lro_styles=LRO_STYLES, busy=chance.choice(("pool", "cluster")), delete_preempts=chance.random() < 0.5,
        quota_checked=chance.choice(("put", "later")), list_lag_s=chance.choice((0, 40)), join_s=chance.choice((0, 30)),
    )  # fmt: skip
    cloud.add_cluster()
    cloud.quotas[cloud.skus[A100].family].limit = 24 * chance.choice((2, 4, 100))
    cloud.faults.seeded = Seeded(seed, share=0.3, crashes=True)
    return chance, Asking(cloud)


def step(chance: random.Random, asking: Asking) -> None:
    """Ask for something, let time pass, or have somebody else scale down or delete."""
    cluster, name = asking.cloud.clusters["rg", "prod"], chance.choice(NAMES)
    kind = chance.choice(("put", "put", "delete", "list", "pass", "pass", "scale", "remove"))
    try:
        if kind == "put":
            asking.put(name, count=chance.randint(0, 3))
        elif kind == "delete":
            asking.delete(name)
        elif kind == "list":
            asking.listed()
    except (ConnectionBrokenError, Crashed, KeyError):
        return
    if kind == "pass":
        asking.cloud.clock.sleep(chance.choice((1, 30, 200)))
    elif kind == "scale" and name in cluster.pools and not running(asking.cloud, name):
        cluster.scale(name, chance.randint(0, len(cluster.pools[name].instances)))
    elif kind == "remove" and name in cluster.pools:
        cluster.remove(name)


def running(cloud: Cloud, pool: str) -> bool:
    return any(operation.running for operation in cloud.operations.values() if operation.pool == pool)


def until_nothing_happens(cloud: Cloud) -> None:
    while change := cloud.next_change():
        cloud.clock.sleep((change - cloud.now()).total_seconds())
        cloud.settle()
    cloud.clock.sleep(timedelta(minutes=1).total_seconds())


@pytest.mark.parametrize("seed", range(40))
def test_laws(seed: int) -> None:
    chance, asking = world(seed)
    cloud, cluster = asking.cloud, asking.cloud.clusters["rg", "prod"]
    family = cloud.skus[A100].family
    for _ in range(60):
        step(chance, asking)
        assert cloud.used(family, "eastus", wanted=False) <= cloud.quotas[family].limit
        assert sum(operation.running for operation in cloud.operations.values()) <= len(cluster.pools)
    assert {call.status for call in cloud.calls} <= ANSWERS
    until_nothing_happens(cloud)
    cloud.faults.seeded = None
    assert not any(operation.running for operation in cloud.operations.values())
    assert {operation.settled for operation in cloud.operations.values()} <= {"Succeeded", "Failed", "Canceled"}
    assert {pool.state for pool in cluster.pools.values()} <= {"Succeeded", "Failed"}
    for pool in cluster.pools.values():
        assert pool.state == "Failed" or len(pool.instances) == pool.count
        assert (pool.failure is not None) == (pool.state == "Failed")
    assert asking.listed() == sorted(cluster.pools)
    nodes = [node.pool for node in cloud.nodes()]
    assert {name: nodes.count(name) for name in cluster.pools} == {
        name: len(pool.instances) for name, pool in cluster.pools.items()
    }


def test_faults_of_all_kinds_were_met() -> None:
    met: set[str] = set()
    for seed in range(40):
        chance, asking = world(seed)
        for _ in range(60):
            step(chance, asking)
        met |= {type(fault).__name__ for _, _, fault in asking.cloud.faults.done}
    assert met == {"Crash", "FailLater", "LoseResponse", "Refuse", "Reset", "Slow", "Throttle", "Unreachable"}
