"""From a Workspace to an agent pool of AKS, its nodes, and back: the SDK over HTTPS, and a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.arm.support.asking import NO_SDK
from tests.arm.support.cloud import SUBSCRIPTION
from tests.arm.support.server import ArmServer
from tests.cluster.support.azure import running_azure
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def azure(plane: Cluster) -> Iterator[ArmServer]:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    with running_azure(plane) as server:
        yield server


@pytest.fixture(scope="module")
def settings(azure: ArmServer) -> dict[str, Any]:
    cluster = {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "clusterName": "prod"}
    aks = {**cluster, "resourceManager": azure.endpoint}
    plugins = {"provisioner": {**BUYING["plugins"]["provisioner"], "aks": aks}}
    return {**BUYING, "preflight": True, "plugins": plugins}


@pytest.fixture(scope="module")
def environ(azure: ArmServer) -> dict[str, str]:
    return azure.environ()


def pools(azure: ArmServer) -> dict[str, int]:
    """The pools that we had made, and their sizes."""
    cluster = azure.cloud.clusters["rg", "prod"]
    return {name: pool.count for name, pool in [*cluster.pools.items()] if name != "system"}


def on_aks(desired: dict[str, Any]) -> dict[str, Any]:
    """The same Workspace, with the one line that chooses the provisioner."""
    return {**desired, "resource": {**desired["resource"], "provisioner": "aks"}}


def deleted(workspaces: Workspaces, azure: ArmServer, name: str) -> None:
    workspaces.plane.kubectl("delete", "workspace", name, "--timeout=180s")
    wait_until(lambda: not pools(azure), "the pool is gone")


def test_tuning_gets_a_pool_delivers_and_is_served_from_it(workspaces: Workspaces, azure: ArmServer) -> None:
    # Preflight runs wherever there is room, before anything is bought.
    workspaces.node("spare-node", "nobody")
    workspaces.apply(on_aks(workspaces.tuning("aks-tune")))
    workspaces.until("aks-tune", "PreflightSucceeded")
    workspaces.until("aks-tune", "WorkspaceSucceeded")
    workspaces.until("aks-tune", "InferenceReady")
    (name,) = pools(azure)
    (node,) = workspaces.get("aks-tune")["status"]["workerNodes"]
    assert node.startswith(f"aks-{name}-")
    deleted(workspaces, azure, "aks-tune")


@pytest.mark.slow
def test_several_nodes_are_one_pool_and_the_provisioner_is_swapped_by_one_line(
    workspaces: Workspaces, azure: ArmServer
) -> None:
    plain = workspaces.inference("swapped-aks")
    desired = on_aks(plain)
    workspaces.apply({**desired, "inference": {**desired["inference"], "replicas": 2}})
    workspaces.until("swapped-aks", "Ready")
    assert [*pools(azure).values()] == [2]
    first, second = workspaces.get("swapped-aks")["status"]["workerNodes"]
    workspaces.plane.kubectl("scale", "workspace/swapped-aks", "--replicas=1")
    wait_until(lambda: [*pools(azure).values()] == [1], "one machine goes", timeout_s=90)
    wait_until(lambda: len(workspaces.get("swapped-aks")["status"]["workerNodes"]) == 1, "one node is left")
    assert workspaces.get("swapped-aks")["status"]["workerNodes"][0] in (first, second)
    deleted(workspaces, azure, "swapped-aks")
    workspaces.apply(plain)
    workspaces.until("swapped-aks", "Ready")
    assert pools(azure) == {}
    assert len(workspaces.plane.get(CLAIMS, "-lkaito.sh/workspace=swapped-aks")) == 1


@pytest.mark.slow
def test_a_quota_without_room_stalls_before_any_pool(workspaces: Workspaces, azure: ArmServer) -> None:
    quota = azure.cloud.quotas["StandardNCADSA100v4Family"]
    limit, quota.limit = quota.limit, 0
    try:
        workspaces.apply(on_aks(workspaces.inference("aks-poor")))
        wait_until(lambda: workspaces.condition("aks-poor", "Stalled") == ("True", "QuotaExceeded"), "it is stalled")
        assert "limit 0, used" in workspaces.told("aks-poor", "Ready")["message"]
        assert pools(azure) == {}
    finally:
        quota.limit = limit
    workspaces.plane.kubectl("delete", "workspace", "aks-poor", "--timeout=180s")
