from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from plugins.provisioner_aks.tests.support.builders import MACHINE, make_options, make_request
from tests.arm.support.gpu_provisioner import garbage, is_managed

from llmwright.testing import make_instance_type
from llmwright_provisioner_aks.pool_body import autoscaling, pool_body, problems_of, shape_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def properties(options: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return dict(pool_body(make_request(**changes), make_options(**options or {}))["properties"])


def test_the_mapping_is_that_of_gpu_provisioner() -> None:
    body = properties(disk_bytes=300 * 2**30)
    expected = {
        "count": 1,
        "vmSize": "Standard_NC24ads_A100_v4",
        "type": "VirtualMachineScaleSets",
        "osType": "Linux",
        "osSKU": "Ubuntu",
        "osDiskSizeGB": 300,
        "nodeTaints": ["sku=gpu:NoSchedule"],
    }
    assert {name: body[name] for name in expected} == expected
    assert body["nodeLabels"]["apps"] == "x"
    assert body["nodeLabels"]["kaito.sh/machine-type"] == "gpu"
    assert properties()["osDiskSizeGB"] == 1024


@pytest.mark.parametrize(
    ("family", "sku"),
    [("azurelinux", "AzureLinux"), ("AzureLinux", "AzureLinux"), ("ubuntu", "Ubuntu"), ("x", "Ubuntu")],
)
def test_the_image_is_by_annotation(family: str, sku: str) -> None:
    assert properties(annotations={"kaito.sh/node-image-family": family})["osSKU"] == sku


@pytest.mark.parametrize(
    "selector",
    [
        {"apps": "x"},
        {"kaito.sh/workspace": "demo", "karpenter.sh/nodepool": "kaito"},
        {"kaito.sh/ragengine": "demo", "karpenter.sh/nodepool": "kaito"},
        {"karpenter.sh/nodepool": "kaito"},
    ],
)
def test_gpu_provisioner_s_collector_leaves_our_pools(selector: dict[str, str]) -> None:
    body = properties(selector=selector)
    pool = {"name": "lw1", "properties": body}
    assert not is_managed(pool)
    assert garbage([pool], (), NOW) == []
    assert is_managed({"properties": {"nodeLabels": {**body["nodeLabels"], "kaito.sh/workspace": "x",
                                                     "karpenter.sh/nodepool": "kaito"}}})  # fmt: skip


def test_options_become_fields() -> None:
    group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/capacityReservationGroups/r"
    subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
    spot = properties({"capacityType": "spot", "spotMaxPrice": 1.5, "zones": ["2", "1"], "subnetId": subnet})
    assert spot["scaleSetPriority"] == "Spot"
    assert spot["scaleSetEvictionPolicy"] == "Delete"
    assert spot["spotMaxPrice"] == 1.5
    assert spot["availabilityZones"] == ["1", "2"]
    assert spot["vnetSubnetID"] == subnet
    assert properties({"capacityType": "spot"})["spotMaxPrice"] == -1
    others = properties(
        {"migProfile": "MIG2g", "gpuDriver": "none", "capacityReservationGroup": group, "tags": {"a": "b"}}
    )
    assert others["gpuInstanceProfile"] == "MIG2g"
    assert others["gpuProfile"] == {"driver": "None"}
    assert others["capacityReservationGroupID"] == group
    assert others["tags"]["a"] == "b"


def test_the_autoscaler_never_takes_a_node_that_is_needed() -> None:
    assert autoscaling(2, make_options()) is None
    assert autoscaling(3, make_options(minNodes=1, maxNodes=5)) == (3, 5)
    assert autoscaling(1, make_options(maxNodes=5)) == (1, 5)


def test_the_shape_is_of_all_that_cannot_change() -> None:
    shape = shape_of(pool_body(make_request(), make_options()))
    for request, options in (
        (make_request(count=3), make_options()),
        (make_request(), make_options(maxNodes=4)),
    ):
        assert shape_of(pool_body(request, options)) == shape
    for request, options in (
        (make_request(instance_type_name="Standard_NC48ads_A100_v4"), make_options()),
        (make_request(), make_options(zones=["1"])),
        (make_request(selector={"apps": "y"}), make_options()),
    ):
        assert shape_of(pool_body(request, options)) != shape


@pytest.mark.parametrize(
    ("options", "changes", "path"),
    [
        ({"maxNodes": 2}, {"count": 3}, "maxNodes"),
        ({"migProfile": "MIG1g"}, {"instance_type": make_instance_type(cloud="azure")}, "migProfile"),
        ({"gpuDriver": "none"}, {"instance_type": make_instance_type(cloud="azure")}, "gpuDriver"),
        (
            {"migProfile": "MIG1g"},
            {"instance_type": make_instance_type(cloud="azure", gpus=1, gpu_model="T4", compute_capability=(7, 5))},
            "migProfile",
        ),
        ({}, {"selector": {"kubernetes.io/hostname": "a"}}, ""),
        ({}, {"selector": {"kubernetes.azure.com/mode": "user"}}, ""),
    ],
)
def test_requests_that_aks_would_refuse_are_named(options: dict[str, Any], changes: dict[str, Any], path: str) -> None:
    (problem,) = problems_of(make_request(**changes), make_options(**options))
    assert problem.path == path


def test_labels_that_every_node_has_anyway_are_not_sent() -> None:
    selector = {"kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": MACHINE.name}
    assert problems_of(make_request(selector=selector), make_options()) == []
    assert not {*selector} & {*properties(selector=selector)["nodeLabels"]}
