"""From a Workspace to an agent pool of AKS, its nodes, and back: the SDK over HTTPS, and a real API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.arm.support.faults import Interrupt
from tests.cluster.support.azure import Azure, azure, environ, on_aks, settings
from tests.cluster.support.operating import Shift
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


@pytest.mark.slow
def test_the_next_type_gets_its_pool_where_azure_refuses_one(workspaces: Workspaces, azure: Azure) -> None:
    restricted, used_up, exhausted, had = (
        "Standard_NV36ads_A10_v5", "Standard_NC24ads_A100_v4", "Standard_ND96isr_H100_v5", "Standard_NC40ads_H100_v5",
    )  # fmt: skip
    cloud = azure.cloud
    # By Azure itself as well: what the operator knows of offers and quotas may be from before.
    cloud.skus[restricted].restrict("eastus")
    cloud.quotas["StandardNCADSA100v4Family"].limit = 0
    cloud.exhausted = {(exhausted, None)}
    chain = f"{restricted}, {used_up}, {exhausted}, {had}"
    try:
        workspaces.apply(on_aks(workspaces.inference("aks-next"), instanceType=chain))
        workspaces.plane.until("aks-next", "Ready", timeout_s=240)
    finally:
        cloud.skus[restricted].restrictions.clear()
        cloud.quotas["StandardNCADSA100v4Family"].limit = 100_000
        cloud.exhausted = set()
    plan = workspaces.get("aks-next")["status"]["plan"]
    assert plan["instanceType"] == had
    assert [(each["instanceType"], each["reason"]) for each in plan["refused"]] == [
        (restricted, "InsufficientCapacity"), (used_up, "QuotaExceeded"), (exhausted, "InsufficientCapacity"),
    ]  # fmt: skip
    told = workspaces.told("aks-next", "InstanceTypeRefused")["message"]
    assert all(name in told for name in (restricted, used_up, exhausted))
    assert f"{had} is used instead" in told
    (name,) = azure.pools
    assert cloud.clusters["rg", "prod"].pools[name].properties["vmSize"] == had
    azure.delete(workspaces, "aks-next")


@pytest.mark.slow
def test_auto_leaves_the_family_whose_quota_is_used_up(workspaces: Workspaces, azure: Azure) -> None:
    quota = azure.cloud.quotas["StandardNCADSA100v4Family"]
    limit, quota.limit = quota.limit, 0
    try:
        workspaces.apply(on_aks(workspaces.inference("aks-auto"), instanceType="auto"))
        workspaces.plane.until("aks-auto", "Ready", timeout_s=240)
    finally:
        quota.limit = limit
    plan = workspaces.get("aks-auto")["status"]["plan"]
    assert ("Standard_NC24ads_A100_v4", "QuotaExceeded") in [
        (each["instanceType"], each["reason"]) for each in plan["refused"]
    ]
    (name,) = azure.pools
    size = azure.cloud.clusters["rg", "prod"].pools[name].properties["vmSize"]
    assert size == plan["instanceType"]
    assert azure.cloud.skus[size].family != "StandardNCADSA100v4Family"
    azure.delete(workspaces, "aks-auto")


@pytest.mark.slow
def test_an_operator_killed_before_or_after_azure_answers_goes_on(
    workspaces: Workspaces, azure: Azure, shift: Shift, settings: dict[str, Any], environ: dict[str, str]
) -> None:
    def killed_at(kind: str, when: str, act: Callable[[], object]) -> None:
        operator = shift.on(settings, environ)
        azure.cloud.faults.next(kind, Interrupt(operator.kill, when))
        act()
        wait_until(lambda: not operator.runs, f"it is killed {when} {kind}")
        shift.on(settings, environ)

    desired = on_aks(workspaces.inference("aks-killed"))
    killed_at("pools.put", "after", lambda: workspaces.apply(desired))
    workspaces.until("aks-killed", "Ready")
    assert [*azure.pools.values()] == [1]
    delete = ("delete", "workspace", "aks-killed")
    killed_at("pools.delete", "before", lambda: workspaces.plane.kubectl(*delete, "--wait=false"))
    workspaces.plane.kubectl(*delete, "--ignore-not-found", "--timeout=180s")
    assert azure.pools == {}
