"""The answers have the fields of the SDK's models and no others, and the fields of Microsoft's REST examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.arm.support import rest_examples, rules
from tests.arm.support.asking import A100, NO_SDK, POOLS, Asking
from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.pools import DEFAULTS, READ_ONLY
from tests.arm.support.rest_examples import Example
from tests.arm.support.wire import Answer, Json

CLUSTER = "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod"
VALUES: Json = {
    "count": 3,
    "vmSize": A100,
    "osType": "Linux",
    "tags": {"name1": "val1"},
    "nodeLabels": {"key1": "val1"},
    "nodeTaints": ["Key1=Value1:NoSchedule"],
    "scaleSetPriority": "Spot",
    "scaleSetEvictionPolicy": "Delete",
    "mode": "User",
    "enableAutoScaling": True,
    "minCount": 2,
    "maxCount": 4,
    "gpuInstanceProfile": "MIG2g",
    "capacityReservationGroupID": "/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/CapacityReservationGroups/c",  # noqa: E501
}


@pytest.fixture
def asking(cloud: Cloud, cluster: Cluster) -> Asking:
    return Asking(cloud)


def values_at(body: Any, path: str) -> Iterator[Any]:
    head, _, rest = path.partition(".")
    name, array = head.removesuffix("[]"), head.endswith("[]")
    assert isinstance(body, dict), path
    assert name in body, path
    for value in body[name] if array else [body[name]]:
        yield from values_at(value, rest) if rest else [value]


def check(answer: Answer, example: Example) -> None:
    assert answer.status == example.status
    for path, kind in example.fields:
        values = [*values_at(answer.body, path)]
        assert values, path
        assert {type(value) for value in values} == {kind}, path


def sent(example: Example) -> Json:
    return {name: VALUES[name] for name in example.sent}


@pytest.mark.parametrize(
    "example",
    [
        rest_examples.CREATED,
        rest_examples.SPOT_CREATED,
        rest_examples.MIG_CREATED,
        rest_examples.RESERVED_CREATED,
    ],
    ids=lambda example: example.file.rsplit("/", 1)[-1],
)
def test_created_pools(asking: Asking, example: Example) -> None:
    check(asking.put("agentpool1", **sent(example)), example)


def test_an_updated_pool(asking: Asking, cluster: Cluster) -> None:
    cluster.seed_pool("agentpool1", vmSize=A100)
    check(asking.put("agentpool1", **sent(rest_examples.UPDATED)), rest_examples.UPDATED)


def test_what_is_read(asking: Asking) -> None:
    check(asking.get("system"), rest_examples.POOL_GET)
    check(asking.ask("GET", POOLS), rest_examples.POOL_LIST)
    check(asking.ask("GET", CLUSTER), rest_examples.CLUSTER_GET)
    check(asking.ask("GET", "/providers/Microsoft.Compute/locations/eastus/usages"), rest_examples.USAGES)
    check(asking.ask("GET", "/providers/Microsoft.Compute/skus?$filter=location%20eq%20'eastus'"), rest_examples.SKUS)


def test_a_delete(asking: Asking, cluster: Cluster) -> None:
    cluster.seed_pool("x")
    answer = asking.delete("x")
    check(answer, rest_examples.DELETED)
    assert answer.body is None
    assert "/providers/Microsoft.ContainerService/locations/eastus/operationresults/" in answer.headers["Location"]
    assert asking.delete("y").status == 204


def test_every_commit_is_one() -> None:
    examples = [value for value in vars(rest_examples).values() if isinstance(value, Example)]
    assert len(examples) == 11
    assert {len(example.commit) for example in examples} == {40}


def unknown(model: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of fields that the SDK's model does not have; a value that it cannot read raises."""
    known = {field._rest_name: name for name, field in type(model)._attr_to_rest_field.items()}
    for name, raw in model.items():
        if name not in known:
            yield f"{path}.{name}"
            continue
        value = getattr(model, known[name])
        assert value is not None or raw is None, f"{path}.{name}"
        for item in value if isinstance(value, list) else [value]:
            if hasattr(type(item), "_attr_to_rest_field"):
                yield from unknown(item, f"{path}.{name}")


def models() -> Any:
    return pytest.importorskip("azure.mgmt.containerservice.models", reason=NO_SDK)


def bodies(asking: Asking, cloud: Cloud) -> Iterator[tuple[str, Json]]:
    whole = {name: value for name, value in VALUES.items() if name != "capacityReservationGroupID"}
    created = asking.put("whole", **whole)
    assert created.status == 201, created.body
    cloud.exhausted.add(("Standard_ND96asr_v4", None))
    asking.put("fails", vmSize="Standard_ND96asr_v4")
    cloud.clock.sleep(cloud.create_s)
    for body in (created.body, asking.get("whole").body, asking.get("fails").body):
        assert body is not None
        yield "AgentPool", body
    cluster = asking.ask("GET", CLUSTER).body
    assert cluster is not None
    yield "ManagedCluster", cluster


def test_the_sdk_knows_every_field_and_writes_it_back(asking: Asking, cloud: Cloud) -> None:
    sdk = models()
    from azure.mgmt.containerservice._utils.model_base import SdkJSONEncoder

    for kind, body in bodies(asking, cloud):
        model = getattr(sdk, kind)(json.loads(json.dumps(body)))
        assert [*unknown(model)] == []
        assert json.loads(json.dumps(model, cls=SdkJSONEncoder)) == body


def test_the_rules_name_fields_of_the_sdk() -> None:
    sdk = models()
    profile = sdk.ManagedClusterAgentPoolProfileProperties(count=1)
    known = {field._rest_name for field in type(profile)._attr_to_rest_field.values()}
    assert {*rules.IMMUTABLE, *DEFAULTS, *READ_ONLY, *VALUES} - known == set()


def test_words_are_the_sdk_s() -> None:
    sdk = models()
    assert {*rules.MIG} == {item.value for item in sdk.GPUInstanceProfile}
    assert {*rules.OS_SKUS} == {item.value for item in sdk.OSSKU if not item.value.startswith("Windows")}


def test_operation_states_and_errors_are_read_by_the_sdk(asking: Asking, cloud: Cloud) -> None:
    pytest.importorskip("azure.core", reason=NO_SDK)
    from azure.core.exceptions import ODataV4Format

    cloud.exhausted.add((A100, None))
    asking.put("x")
    path = "/providers/Microsoft.ContainerService/locations/eastus/operations/00000000-0000-0000-0000-000000000001"
    running = asking.ask("GET", path)
    assert (running.body or {})["status"] == "InProgress"
    assert running.headers["Retry-After"] == "15"
    cloud.clock.sleep(cloud.create_s)
    body = asking.ask("GET", path).body or {}
    error = ODataV4Format(body["error"])
    assert (body["status"], error.code) == ("Failed", "AllocationFailed")
    assert error.message is not None
    assert error.message.startswith("Allocation failed.")
