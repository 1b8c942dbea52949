"""From a Workspace to an agent pool of AKS, its nodes, and back: the SDK over HTTPS, and a real API server."""

from __future__ import annotations

import pytest
from tests.cluster.support.azure import Azure, azure, environ, on_aks, settings
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.waiting import wait_until

__all__ = ["azure", "environ", "settings"]

pytestmark = pytest.mark.cluster


def test_tuning_gets_a_pool_delivers_and_is_served_from_it(workspaces: Workspaces, azure: Azure) -> None:
    # Preflight runs wherever there is room, before anything is bought.
    workspaces.node("spare-node", "nobody")
    workspaces.apply(on_aks(workspaces.tuning("aks-tune")))
    workspaces.until("aks-tune", "PreflightSucceeded")
    workspaces.until("aks-tune", "WorkspaceSucceeded")
    workspaces.until("aks-tune", "InferenceReady")
    (name,) = azure.pools
    (node,) = workspaces.get("aks-tune")["status"]["workerNodes"]
    assert node.startswith(f"aks-{name}-")
    azure.delete(workspaces, "aks-tune")


@pytest.mark.slow
def test_several_nodes_are_one_pool_and_the_provisioner_is_swapped_by_one_line(
    workspaces: Workspaces, azure: Azure
) -> None:
    plain = workspaces.inference("swapped-aks")
    desired = on_aks(plain)
    workspaces.apply({**desired, "inference": {**desired["inference"], "replicas": 2}})
    workspaces.until("swapped-aks", "Ready")
    assert [*azure.pools.values()] == [2]
    first, second = workspaces.get("swapped-aks")["status"]["workerNodes"]
    workspaces.plane.kubectl("scale", "workspace/swapped-aks", "--replicas=1")
    wait_until(lambda: [*azure.pools.values()] == [1], "one machine goes", timeout_s=90)
    wait_until(lambda: len(workspaces.get("swapped-aks")["status"]["workerNodes"]) == 1, "one node is left")
    assert workspaces.get("swapped-aks")["status"]["workerNodes"][0] in (first, second)
    azure.delete(workspaces, "swapped-aks")
    workspaces.apply(plain)
    workspaces.until("swapped-aks", "Ready")
    assert azure.pools == {}
    assert len(workspaces.plane.get(CLAIMS, "-lkaito.sh/workspace=swapped-aks")) == 1


@pytest.mark.slow
def test_a_quota_without_room_stalls_before_any_pool(workspaces: Workspaces, azure: Azure) -> None:
    quota = azure.cloud.quotas["StandardNCADSA100v4Family"]
    limit, quota.limit = quota.limit, 0
    try:
        workspaces.apply(on_aks(workspaces.inference("aks-poor")))
        wait_until(lambda: workspaces.condition("aks-poor", "Stalled") == ("True", "QuotaExceeded"), "it is stalled")
        assert "limit 0, used" in workspaces.told("aks-poor", "Ready")["message"]
        assert azure.pools == {}
    finally:
        quota.limit = limit
    workspaces.plane.kubectl("delete", "workspace", "aks-poor", "--timeout=180s")
