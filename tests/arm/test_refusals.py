"""What ARM and AKS refuse, and how; and what fails after it was accepted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.arm.support.asking import A100, POOLS, Asking, refusal
from tests.arm.support.cloud import Cloud, Cluster, ProviderRate, Rate
from tests.arm.support.faults import EXAMPLES, FailLater

T4 = "Standard_NC4as_T4_v3"


@pytest.fixture
def asking(cloud: Cloud, cluster: Cluster) -> Asking:
    return Asking(cloud)


@pytest.mark.parametrize("name", ["", "Upper", "1st", "with-dash", "thirteenchars"])
def test_names(asking: Asking, name: str) -> None:
    assert refusal(asking.put(name)) in ((400, "InvalidParameter"), (404, "InvalidResourceType"))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"count": -1}, "count"),
    ({"count": 1001}, "count"),
    ({"mode": "System", "count": 0}, "count"),
    ({"count": "1"}, "count"),
    ({"vmSize": ""}, "vmSize"),
    ({"maxPods": 9}, "maxPods"),
    ({"osDiskSizeGB": 29}, "osDiskSizeGB"),
    ({"minCount": 1, "maxCount": 2}, "enableAutoScaling"),
    ({"enableAutoScaling": True}, "minCount"),
    ({"enableAutoScaling": True, "minCount": 3, "maxCount": 2}, "minCount"),
    ({"enableAutoScaling": True, "minCount": 2, "maxCount": 3, "count": 1}, "count"),
    ({"scaleSetPriority": "Cheap"}, "scaleSetPriority"),
    ({"scaleSetPriority": "Spot", "mode": "System"}, "scaleSetPriority"),
    ({"scaleSetPriority": "Spot", "scaleSetEvictionPolicy": "Stop"}, "scaleSetEvictionPolicy"),
    ({"scaleSetPriority": "Spot", "spotMaxPrice": 0}, "spotMaxPrice"),
    ({"scaleSetPriority": "Spot", "capacityReservationGroupID": "/x"}, "capacityReservationGroupID"),
    ({"scaleSetPriority": "Spot", "upgradeSettings": {"maxSurge": "1"}}, "upgradeSettings.maxSurge"),
    ({"spotMaxPrice": 0.5}, "spotMaxPrice"),
    ({"scaleSetEvictionPolicy": "Deallocate"}, "scaleSetEvictionPolicy"),
    ({"osSKU": "Debian"}, "osSKU"),
    ({"gpuInstanceProfile": "MIG5g"}, "gpuInstanceProfile"),
    ({"gpuInstanceProfile": "MIG1g", "vmSize": T4}, "gpuInstanceProfile"),
    ({"gpuProfile": {"driver": "Maybe"}}, "gpuProfile.driver"),
    ({"availabilityZones": ["1"], "type": "AvailabilitySet"}, "availabilityZones"),
    ({"nodeLabels": {"kubernetes.azure.com/x": "y"}}, "nodeLabels"),
    ({"nodeLabels": {"a": "not a value"}}, "nodeLabels"),
    ({"nodeTaints": ["sku=gpu"]}, "nodeTaints"),
    ({"tags": {"kaito.sh/workspace": "x"}}, "tags"),
    ({"tags": {f"t{number}": "" for number in range(51)}}, "tags"),
]


@pytest.mark.parametrize(("properties", "parameter"), REFUSED, ids=lambda value: str(value)[:50])
def test_parameters(asking: Asking, cluster: Cluster, properties: dict[str, Any], parameter: str) -> None:
    answer = asking.put("x", **properties)
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.body is not None
    assert answer.body["target"] == f"agentPoolProfile.{parameter}"
    assert "x" not in cluster.pools


@pytest.mark.parametrize(
    "properties",
    [
        {"count": 0},
        {"enableAutoScaling": True, "minCount": 0, "maxCount": 3},
        {"scaleSetPriority": "Spot", "spotMaxPrice": 0.5, "scaleSetEvictionPolicy": "Deallocate"},
        {"gpuInstanceProfile": "MIG1g"},
        {"availabilityZones": ["1", "3"]},
        {"tags": {"kaito.workspace": "x"}, "nodeLabels": {"kaito.sh/workspace": "x"}},
        {"nodeTaints": ["sku=gpu:NoSchedule"], "gpuProfile": {"driver": "None"}, "osDiskSizeGB": 0},
    ],
    ids=str,
)
def test_parameters_that_are_taken(asking: Asking, cluster: Cluster, properties: dict[str, Any]) -> None:
    assert asking.put("x", **properties).status == 201
    shown = cluster.pools["x"].wire(cluster.id)["properties"]
    assert {name: shown[name] for name in properties if name != "osDiskSizeGB"}.keys() <= shown.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"vmSize": T4},
        {"availabilityZones": ["1"]},
        {"osDiskSizeGB": 256},
        {"scaleSetPriority": "Spot"},
        {"maxPods": 30},
    ],
    ids=str,
)
def test_immutables(asking: Asking, cluster: Cluster, change: dict[str, Any]) -> None:
    cluster.seed_pool("x", vmSize=A100)
    answer = asking.put("x", **change)
    assert refusal(answer) == (400, "PropertyChangeNotAllowed")


def test_a_spot_pool_gets_its_label_and_taint(asking: Asking, cluster: Cluster) -> None:
    asking.put("x", scaleSetPriority="Spot", nodeTaints=["sku=gpu:NoSchedule"])
    properties = cluster.pools["x"].properties
    assert properties["nodeTaints"] == ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule", "sku=gpu:NoSchedule"]
    assert properties["nodeLabels"] == {"kubernetes.azure.com/scalesetpriority": "spot"}
    assert (properties["spotMaxPrice"], properties["scaleSetEvictionPolicy"]) == (-1, "Delete")


def test_a_hundred_pools(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    for number in range(99):
        cluster.seed_pool(f"p{number}")
    assert refusal(asking.put("x")) == (400, "MaxAgentPoolCountReached")
    cluster.remove("p0")
    assert asking.put("x").status == 201


def test_one_operation_a_pool(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    asking.put("x")
    again = asking.put("x")
    assert refusal(again) == (409, "OperationNotAllowed")
    assert "in progress create node pool operation" in str(again.body)
    assert refusal(asking.delete("x")) == (409, "OperationNotAllowed")
    assert asking.put("y").status == 201
    cloud.busy = "cluster"
    answer = asking.put("z")
    assert refusal(answer) == (409, "OperationNotAllowed")
    assert "(x - Creating)" in str(answer.body)
    cloud.clock.sleep(cloud.create_s)
    assert asking.put("z").status == 201


def test_somebody_else_s_operation(asking: Asking, cluster: Cluster) -> None:
    cluster.seed_pool("x", vmSize=A100).state = "UpgradingNodeImageVersion"
    for answer in (asking.put("x", count=2), asking.delete("x")):
        assert refusal(answer) == (409, "OperationNotAllowed")
        assert "(x - UpgradingNodeImageVersion)" in str(answer.body)
    assert asking.put("y").status == 201


def test_a_delete_may_preempt(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    asking.put("x")
    cloud.delete_preempts = True
    assert asking.delete("x").status == 202
    assert cloud.operations["00000000-0000-0000-0000-000000000001"].settled == "Canceled"
    cloud.clock.sleep(cloud.create_s + cloud.delete_s)
    cloud.settle()
    assert [*cluster.pools] == ["system"]


@pytest.mark.parametrize(("power", "provisioning"), [("Stopped", "Succeeded"), ("Running", "Upgrading")])
def test_a_cluster_that_takes_no_writes(asking: Asking, cluster: Cluster, power: str, provisioning: str) -> None:
    cluster.seed_pool("x")
    cluster.power, cluster.provisioning = power, provisioning
    assert refusal(asking.put("y")) == refusal(asking.delete("x")) == (409, "OperationNotAllowed")
    assert asking.get("x").status == 200


def test_what_is_not_there(asking: Asking, cloud: Cloud) -> None:
    provider = "/providers/Microsoft.ContainerService/managedClusters"
    assert refusal(asking.get("x")) == (404, "NotFound")
    assert asking.delete("x").status == 204
    cloud.delete_missing = 404
    assert refusal(asking.delete("x")) == (404, "NotFound")
    assert refusal(asking.ask("GET", f"/resourceGroups/rg{provider}/no")) == (404, "ResourceNotFound")
    assert refusal(asking.ask("GET", f"/resourceGroups/no{provider}/prod")) == (404, "ResourceGroupNotFound")
    assert refusal(Asking(cloud, "other").get("x")) == (404, "SubscriptionNotFound")
    assert refusal(asking.ask("PUT", f"{POOLS}/x", {})) == (400, "InvalidRequestContent")


def test_the_last_system_pool_stays(asking: Asking) -> None:
    assert refusal(asking.delete("system")) == (400, "MustDefineAtLeastOneSystemPool")


def test_etags(asking: Asking, cluster: Cluster) -> None:
    tag = cluster.seed_pool("x", vmSize=A100).etag
    body = {"properties": {"count": 2}}
    assert asking.ask("PUT", f"{POOLS}/x", body, if_match="other").status == 412
    assert asking.ask("PUT", f"{POOLS}/x", body, if_none_match="*").status == 412
    assert asking.ask("PUT", f"{POOLS}/y", body, if_match="*").status == 412
    assert asking.ask("PUT", f"{POOLS}/x", body, if_match=tag).status == 200


def test_quota_before_and_after(asking: Asking, cloud: Cloud, cluster: Cluster) -> None:
    family = cloud.skus[A100].family
    cloud.quotas[family].limit, cloud.quotas[family].used_elsewhere = 50, 10
    assert asking.put("x").status == 201
    answer = asking.put("y")
    assert refusal(answer) == (400, "ErrCode_InsufficientVCPUQuota")
    assert "requested 24, remaining 16 for family StandardNCADSA100v4Family" in str(answer.body)
    cloud.quota_checked = "later"
    assert asking.put("y").status == 201
    cloud.clock.sleep(cloud.create_s)
    error = (asking.get("y").body or {})["properties"]["status"]["provisioningError"]
    assert error["code"] == "QuotaExceeded"
    assert "Current Limit: 50, Current Usage: 34, Additional Required: 24" in error["message"]


def test_usages_count_what_is_there(asking: Asking, cloud: Cloud) -> None:
    asking.put("x", count=2)
    asking.put("s", scaleSetPriority="Spot")
    answer = asking.ask("GET", "/providers/Microsoft.Compute/locations/eastus/usages")
    rows = {row["name"]["value"]: row["currentValue"] for row in (answer.body or {})["value"]}
    assert rows[cloud.skus[A100].family] == 48
    assert rows["cores"] == 48 + 4
    assert rows["lowPriorityCores"] == 24


def test_machines_that_are_not_offered(asking: Asking, cloud: Cloud) -> None:
    cloud.skus[A100].restrict("eastus", zones=("2",))
    answer = asking.put("x", availabilityZones=["1", "2"])
    assert refusal(answer) == (400, "AvailabilityZoneNotSupported")
    assert "'1,3'" in str(answer.body)
    cloud.skus[A100].restrict("eastus")
    assert refusal(asking.put("x")) == (400, "BadRequest")
    assert refusal(asking.put("x", vmSize="Standard_NC6s_v3")) == (400, "BadRequest")
    listed = asking.ask("GET", "/providers/Microsoft.Compute/skus?$filter=location%20eq%20'eastus'")
    (row,) = [row for row in (listed.body or {})["value"] if row["name"] == A100]
    assert [rule["type"] for rule in row["restrictions"]] == ["Zone", "Location"]


def failure(asking: Asking, **properties: Any) -> str:
    assert asking.put("x", **properties).status == 201
    asking.cloud.clock.sleep(asking.cloud.create_s)
    state = (asking.get("x").body or {})["properties"]
    assert state["provisioningState"] == "Failed"
    assert asking.cloud.nodes() == [node for node in asking.cloud.nodes() if node.pool == "system"]
    return str(state["status"]["provisioningError"]["code"])


def test_no_capacity(asking: Asking, cloud: Cloud) -> None:
    cloud.exhausted.add((A100, None))
    assert failure(asking) == "AllocationFailed"


def test_no_capacity_in_a_zone(asking: Asking, cloud: Cloud) -> None:
    cloud.exhausted.add((A100, "1"))
    assert failure(asking, availabilityZones=["1"]) == "ZonalAllocationFailed"


def test_no_spot_capacity(asking: Asking, cloud: Cloud) -> None:
    cloud.exhausted.add((A100, None))
    assert failure(asking, scaleSetPriority="Spot") == "OverconstrainedAllocationRequest"


def test_a_machine_withdrawn_meanwhile(asking: Asking, cloud: Cloud) -> None:
    cloud.faults.next("pools.put", FailLater("SkuNotAvailable"))
    assert failure(asking) == "SkuNotAvailable"


def test_a_failed_pool_can_be_asked_for_again(asking: Asking, cloud: Cloud) -> None:
    cloud.exhausted.add((A100, None))
    failure(asking)
    cloud.exhausted.clear()
    assert asking.put("x").status == 200
    cloud.clock.sleep(cloud.update_s)
    assert (asking.get("x").body or {})["properties"]["provisioningState"] == "Succeeded"
    assert [node.pool for node in cloud.nodes()] == ["system", "x"]


def test_a_full_subnet(asking: Asking, cloud: Cloud) -> None:
    subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes"
    cloud.subnets[subnet] = 2
    answer = asking.put("x", count=3, vnetSubnetID=subnet)
    assert refusal(answer) == (400, "InsufficientSubnetSize")
    assert "Pre-allocated IPs 3 exceeds IPs available 2" in str(answer.body)
    cloud.subnet_checked = "later"
    assert failure(asking, count=3, vnetSubnetID=subnet) == "SubnetIsFull"


def test_a_missing_permission_is_named(asking: Asking, cloud: Cloud) -> None:
    action = "Microsoft.ContainerService/managedClusters/agentPools/write"
    cloud.denied.add(action)
    answer = asking.put("x")
    assert refusal(answer) == (403, "AuthorizationFailed")
    assert f"action '{action}' over scope '/subscriptions/{cloud.subscription}{POOLS}/x'" in str(answer.body)
    assert asking.get("system").status == 200


def test_a_rate(asking: Asking, cloud: Cloud) -> None:
    cloud.rate = Rate(reads=3, writes=1, refill_per_s=0.1)
    assert [asking.get("system").status for _ in range(4)] == [200, 200, 200, 429]
    answer = asking.get("system")
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "0"
    assert asking.put("x").status == 201
    cloud.clock.sleep(10)
    assert asking.get("system").status == 200


def test_the_rate_of_aks_itself(asking: Asking, cloud: Cloud) -> None:
    cloud.provider_rate = ProviderRate()
    assert [asking.put("x", count=-1).status for _ in range(21)] == [400] * 20 + [429]
    answer = asking.put("x")
    assert refusal(answer) == (429, "Throttled")
    assert answer.headers["Retry-After"] == "60"
    assert asking.put("y").status == 201
    assert [asking.get("system").status for _ in range(61)] == [200] * 60 + [429]
    assert asking.ask("GET", POOLS).status == 429
    assert asking.ask("GET", "/providers/Microsoft.Compute/skus").status == 200


def test_every_example_is_named_by_its_code() -> None:
    assert {name: error.code for name, error in EXAMPLES.items() if name != "OperationNotAllowedCluster"} == {
        name: name for name in EXAMPLES if name != "OperationNotAllowedCluster"
    }
