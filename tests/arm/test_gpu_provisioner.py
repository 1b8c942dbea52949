"""How many calls gpu-provisioner's algorithm makes, and what its collector of garbage takes for its own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.arm.support.asking import A100
from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.gpu_provisioner import CREATED_FORMAT, CREATED_LABEL, GpuProvisioner, garbage


@pytest.mark.parametrize(("style", "read"), [("azure-async", 2), ("both", 2), ("location", 1)])
def test_one_workspace(cloud: Cloud, cluster: Cluster, style: str, read: int) -> None:
    cloud.lro_style = style
    calls = GpuProvisioner(cloud, cluster).lifecycle()
    # Polls every 15 s of 180 s and of 120 s; two lists every 120 s of 180 + 600 s, and again of 125 s.
    assert calls == {
        "pools.put": 1,
        "pools.delete": 1,
        "pools.get": read,
        "operations.get": 12 + 8,
        "pools.list": 2 * 6 + 2 * 1,
    }
    assert [*cluster.pools] == ["system"]


def test_two_nodes_are_two_pools(cloud: Cloud, cluster: Cluster) -> None:
    calls = GpuProvisioner(cloud, cluster).lifecycle(count=2)
    assert calls["pools.put"] == calls["pools.delete"] == 2
    assert calls["operations.get"] == 2 * 20
    assert calls["pools.list"] == 14


def test_without_retry_after_it_polls_every_30_s(cloud: Cloud, cluster: Cluster) -> None:
    cloud.retry_after_s = 0
    assert GpuProvisioner(cloud, cluster).lifecycle()["operations.get"] == 6 + 4


def test_failures_are_tried_again_for_five_minutes(cloud: Cloud, cluster: Cluster) -> None:
    cloud.exhausted.add((A100, None))
    controller = GpuProvisioner(cloud, cluster)
    calls = controller.lifecycle(held_s=0)
    assert controller.given_up == ["ws000000000"]
    assert calls["pools.put"] > 1
    assert [*cluster.pools] == ["system"]


@pytest.mark.parametrize(
    ("labels", "age_s", "taken"),
    [
        ({"kaito.sh/workspace": "w", "karpenter.sh/nodepool": "kaito"}, 30, True),
        ({"kaito.sh/ragengine": "w", "karpenter.sh/nodepool": "kaito"}, 31, True),
        ({"kaito.sh/workspace": "w", "karpenter.sh/nodepool": "kaito"}, 29, False),
        ({"kaito.sh/workspace": "w"}, 600, False),
        ({"karpenter.sh/nodepool": "kaito"}, 600, False),
        ({}, 600, False),
    ],
)
def test_garbage(cloud: Cloud, cluster: Cluster, labels: dict[str, Any], age_s: int, taken: bool) -> None:
    stamp = {CREATED_LABEL: cloud.now().strftime(CREATED_FORMAT)}
    pool = cluster.seed_pool("x", nodeLabels=labels | stamp).wire(cluster.id)
    cloud.clock.sleep(age_s)
    assert garbage([pool], [], cloud.now()) == (["x"] if taken else [])
    assert garbage([pool], ["x"], cloud.now()) == []


def test_garbage_without_the_label_of_its_age(cloud: Cloud, cluster: Cluster) -> None:
    labels = {"kaito.sh/workspace": "w", "karpenter.sh/nodepool": "kaito"}
    assert garbage([cluster.seed_pool("x", nodeLabels=labels).wire(cluster.id)], [], cloud.now()) == ["x"]
