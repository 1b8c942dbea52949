"""Agent pools of the local ARM become nodes of the real API server, and go with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.arm.support.asking import A100, NO_SDK, Asking
from tests.arm.support.cloud import Cloud
from tests.arm.support.node_bridge import BRIDGED, NodeBridge
from tests.cluster.support.azure import running_azure
from tests.cluster.support.harness import Karpenter
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def asking() -> Asking:
    cloud = Cloud()
    cloud.add_cluster()
    return Asking(cloud)


@pytest.fixture
def plane(karpenter: Karpenter) -> Cluster:
    return karpenter.plane


@pytest.fixture
def bridge(asking: Asking, plane: Cluster) -> Iterator[NodeBridge]:
    made = NodeBridge(asking.cloud, plane)
    yield made
    made.remove_all()


def nodes(plane: Cluster) -> list[dict[str, Any]]:
    return plane.get("nodes", f"-l{BRIDGED}=true")


def test_a_pool_s_nodes_come_and_go_with_it(asking: Asking, bridge: NodeBridge, plane: Cluster) -> None:
    cloud = asking.cloud
    asking.put("gpus", count=2, nodeTaints=["sku=gpu:NoSchedule"], nodeLabels={"team": "blue"})
    bridge.step()
    assert nodes(plane) == []
    cloud.clock.sleep(cloud.create_s)
    bridge.step()
    first, second = nodes(plane)
    assert first["metadata"]["labels"]["kubernetes.azure.com/agentpool"] == "gpus"
    assert first["metadata"]["labels"]["node.kubernetes.io/instance-type"] == A100
    assert first["metadata"]["labels"]["team"] == "blue"
    assert first["spec"]["providerID"].startswith("azure:///subscriptions/")
    assert first["spec"]["providerID"].endswith("/virtualMachines/0")
    assert {"key": "sku", "value": "gpu", "effect": "NoSchedule"} in first["spec"]["taints"]
    assert second["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    plane.kubectl("wait", "--for=condition=Ready", "node", f"-l{BRIDGED}=true", "--timeout=60s")
    asking.delete("gpus")
    cloud.clock.sleep(cloud.delete_s)
    bridge.step()
    wait_until(lambda: not nodes(plane), "the nodes go with their pool")


def test_a_node_that_never_joins(asking: Asking, bridge: NodeBridge, plane: Cluster) -> None:
    asking.cloud.never_join.add("mute")
    asking.put("mute")
    asking.put("loud", gpuInstanceProfile="MIG1g")
    asking.cloud.clock.sleep(asking.cloud.create_s)
    with bridge.running():
        (node,) = wait_until(lambda: nodes(plane), "the other pool's node")
        assert node["metadata"]["labels"]["agentpool"] == "loud"
        assert node["status"]["capacity"]["nvidia.com/gpu"] == "7"
        assert asking.cloud.clusters["rg", "prod"].pools["mute"].state == "Succeeded"
    wait_until(lambda: not nodes(plane), "the nodes go with the bridge")


def test_from_the_sdk_to_a_ready_node_and_back(plane: Cluster) -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from azure.mgmt.containerservice import ContainerServiceClient

    with running_azure(plane) as azure:
        cluster = azure.cloud.clusters["rg", "prod"]
        with ContainerServiceClient(**azure.server.client_arguments(), polling_interval=0.1) as client:
            wanted: Any = {"properties": {"vmSize": A100, "count": 1, "nodeTaints": ["sku=gpu:NoSchedule"]}}
            client.agent_pools.begin_create_or_update("rg", "prod", "gpus", wanted).result()
            (node,) = wait_until(lambda: nodes(plane), "the pool's node")
            plane.kubectl("wait", "--for=condition=Ready", f"node/{node['metadata']['name']}", "--timeout=60s")
            client.agent_pools.begin_delete("rg", "prod", "gpus").result()
        wait_until(lambda: not nodes(plane), "the node goes with its pool")
        assert [*cluster.pools] == ["system"]
