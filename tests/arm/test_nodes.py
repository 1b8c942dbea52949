"""Which nodes a cluster has, and what AKS writes on them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.arm.support.asking import A100, Asking
from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.nodes import PoolNode


def of_pool(cloud: Cloud, pool: str) -> list[PoolNode]:
    return [node for node in cloud.nodes() if node.pool == pool]


@pytest.fixture
def asking(cloud: Cloud, cluster: Cluster) -> Asking:
    return Asking(cloud)


def test_labels_and_names(asking: Asking, cloud: Cloud) -> None:
    asking.put("gpus", count=2, availabilityZones=["1", "2"], nodeLabels={"a": "b"}, nodeTaints=["sku=gpu:NoSchedule"])
    cloud.clock.sleep(cloud.create_s)
    first, second = of_pool(cloud, "gpus")
    assert first.name.startswith("aks-gpus-")
    assert (first.name[-10:], second.name[-6:]) == ("vmss000000", "000001")
    assert {"agentpool": "gpus", "accelerator": "nvidia", "a": "b"}.items() <= first.labels.items()
    assert first.labels["node.kubernetes.io/instance-type"] == A100
    assert [node.labels["topology.kubernetes.io/zone"] for node in (first, second)] == ["eastus-1", "eastus-2"]
    assert first.taints == ("sku=gpu:NoSchedule",)
    scale_set = first.name.removesuffix("000000")
    assert first.provider_id.endswith(f"/virtualMachineScaleSets/{scale_set}/virtualMachines/0")


def test_nodes_come_at_the_end_and_later_still_by_setting(asking: Asking, cloud: Cloud) -> None:
    cloud.join_s = 60
    asking.put("x")
    cloud.clock.sleep(cloud.create_s)
    assert of_pool(cloud, "x") == []
    assert cloud.next_change() == cloud.now() + timedelta(seconds=60)
    cloud.clock.sleep(60)
    assert len(of_pool(cloud, "x")) == 1


def test_somebody_else_scales_and_deletes(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    cluster.seed_pool("x", count=2)
    cluster.scale("x", 3)
    assert len(of_pool(cloud, "x")) == 3
    cluster.scale("x", 1)
    assert len(of_pool(cloud, "x")) == 1
    cluster.remove("x")
    assert of_pool(cloud, "x") == []
    assert cloud.calls == []
    assert asking.get("x").status == 404


def test_removal_ends_what_runs(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    asking.put("x")
    cluster.remove("x")
    cloud.clock.sleep(cloud.create_s)
    assert of_pool(cloud, "x") == []
    assert [*cluster.pools] == ["system"]


def test_a_stopped_cluster_has_no_nodes(cloud: Cloud, cluster: Cluster) -> None:
    assert len(cloud.nodes()) == 1
    cluster.power = "Stopped"
    assert cloud.nodes() == []
