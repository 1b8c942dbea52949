"""The real SDK on the cloud in this process: pools made, listed and deleted, in the three styles of long-running operations."""  # noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from tests.arm.support.asking import A100
from tests.arm.support.cloud import LRO_STYLES, Cloud, Cluster
from tests.arm.support.faults import Crash, FailLater, LoseResponse, Reset, Throttle, Unreachable
from tests.arm.support.wire import Crashed

styles = pytest.mark.parametrize("style", LRO_STYLES)


def pool(**properties: Any) -> Any:
    from azure.mgmt.containerservice import models

    wanted = {"vm_size": A100, "count": 1, "os_type": "Linux", **properties}
    return models.AgentPool(properties=models.AgentPoolManagedClusterAgentPoolProfileProperties(**wanted))


def headers_of(error: Any) -> Any:
    return error.response.headers


def begin(client: Any, name: str = "x", **arguments: Any) -> Any:
    """Ask for a pool. A poller asks on in a thread of its own at once: look at the cloud only after its result."""
    return client.agent_pools.begin_create_or_update("rg", "prod", name, pool(), **arguments)


@styles
def test_a_pool_is_made_and_deleted(client: Any, cloud: Cloud, cluster: Cluster, style: str) -> None:
    cloud.lro_style = style
    made = begin(client).result()
    assert (made.name, made.properties.provisioning_state, made.properties.count) == ("x", "Succeeded", 1)
    assert (cloud.now() - cluster.pools["x"].created).total_seconds() == cloud.create_s
    client.agent_pools.begin_delete("rg", "prod", "x").result()
    assert [*cluster.pools] == ["system"]
    assert cloud.counts()["pools.put"] == cloud.counts()["pools.delete"] == 1
    assert cloud.counts()["operations.get"] == 13 + 9


@styles
def test_a_failure_after_acceptance_is_raised_by_the_poller(
    client: Any, cloud: Cloud, cluster: Cluster, style: str
) -> None:
    from azure.core.exceptions import HttpResponseError

    cloud.lro_style = style
    cloud.exhausted.add((A100, None))
    with pytest.raises(HttpResponseError) as raised:
        begin(client).result()
    assert raised.value.error is not None
    assert raised.value.error.code == "AllocationFailed"
    state = client.agent_pools.get("rg", "prod", "x").properties
    assert state.provisioning_state == "Failed"
    assert state.status.provisioning_error.code == "AllocationFailed"
    assert cluster.pools["x"].instances == []


@styles
def test_a_poller_resumes_from_its_token(client: Any, cloud: Cloud, style: str) -> None:
    cloud.lro_style = style
    begun = begin(client)
    token = begun.continuation_token()
    begun.result()
    assert begin(client, continuation_token=token).result().properties.provisioning_state == "Succeeded"
    assert cloud.counts()["pools.put"] == 1


def test_pages_are_followed(client: Any, cloud: Cloud, cluster: Cluster) -> None:
    for number in range(7):
        cluster.seed_pool(f"p{number}")
    cloud.page_size = 3
    names = [pool.name for pool in client.agent_pools.list("rg", "prod")]
    assert names == sorted(cluster.pools)
    assert cloud.counts() == {"pools.list": 3}


def test_lists_and_gets_lag_behind(client: Any, cloud: Cloud) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    cloud.list_lag_s, cloud.get_lag_s = 30, 10
    begin(client, polling=False)

    def names() -> set[str | None]:
        profiles = client.managed_clusters.get("rg", "prod").properties.agent_pool_profiles
        listed = {pool.name for pool in client.agent_pools.list("rg", "prod")}
        assert {profile.name for profile in profiles} == listed
        return listed

    with pytest.raises(ResourceNotFoundError):
        client.agent_pools.get("rg", "prod", "x")
    cloud.clock.sleep(10)
    assert client.agent_pools.get("rg", "prod", "x").properties.provisioning_state == "Creating"
    assert "x" not in names()
    cloud.clock.sleep(20)
    assert "x" in names()
    cloud.clock.sleep(cloud.create_s)
    client.agent_pools.begin_delete("rg", "prod", "x").result()
    assert "x" in names()
    cloud.clock.sleep(30)
    assert "x" not in names()


def test_a_lost_answer_leaves_the_pool(client: Any, cloud: Cloud, cluster: Cluster) -> None:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    cloud.faults.next("pools.put", LoseResponse())
    with pytest.raises(ServiceResponseError):
        begin(client)
    assert cluster.pools["x"].state == "Creating"
    cloud.faults.next("pools.put", Reset(), Unreachable())
    with pytest.raises(ServiceResponseError):
        begin(client, "y")
    with pytest.raises(ServiceRequestError):
        begin(client, "y")
    assert "y" not in cluster.pools


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_crash_passes_every_handler(client: Any, cloud: Cloud, cluster: Cluster, when: str, exists: bool) -> None:
    cloud.faults.next("pools.put", Crash(when))
    with pytest.raises(Crashed):
        begin(client)
    assert ("x" in cluster.pools) is exists


def test_refusals_reach_the_caller_by_code(client: Any, cloud: Cloud) -> None:
    from azure.core.exceptions import HttpResponseError

    cloud.faults.next("pools.put", Throttle(20), FailLater("SubnetIsFull"))
    with pytest.raises(HttpResponseError) as throttled:
        begin(client)
    assert throttled.value.status_code == 429
    assert headers_of(throttled.value)["retry-after"] == "20"
    with pytest.raises(HttpResponseError) as failed:
        begin(client).result()
    assert failed.value.error is not None
    assert failed.value.error.code == "SubnetIsFull"


def test_bare_and_wrapped_errors_read_alike(client: Any, cloud: Cloud) -> None:
    from azure.core.exceptions import HttpResponseError

    cloud.denied.add("Microsoft.ContainerService/managedClusters/agentPools/write")
    codes = []
    for _ in range(2):
        with pytest.raises(HttpResponseError) as refused:
            client.agent_pools.begin_create_or_update("rg", "prod", "UPPER", pool())
        assert refused.value.error is not None
        codes.append((refused.value.status_code, refused.value.error.code))
        cloud.denied.clear()
    assert codes == [(403, "AuthorizationFailed"), (400, "InvalidParameter")]


def test_an_expired_token_is_401_and_the_next_one_holds(client: Any, cloud: Cloud) -> None:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.mgmt.containerservice import ContainerServiceClient as Client
    from tests.arm.support.transport import CloudCredential, CloudTransport

    credential = CloudCredential(cloud, stale=True)
    with Client(
        credential, cloud.subscription, base_url=cloud.endpoint, transport=CloudTransport(cloud), retry_total=0
    ) as late:
        late.agent_pools.get("rg", "prod", "system")
        cloud.clock.sleep(cloud.tokens.token_s)
        with pytest.raises(ClientAuthenticationError) as refused:
            late.agent_pools.get("rg", "prod", "system")
        assert headers_of(refused.value)["www-authenticate"].startswith("Bearer authorization_uri=")
    client.agent_pools.get("rg", "prod", "system")


def test_revoked_tokens_are_renewed_by_the_challenge(client: Any, cloud: Cloud) -> None:
    client.agent_pools.get("rg", "prod", "system")
    cloud.tokens.revoke_all()
    client.agent_pools.get("rg", "prod", "system")
    assert [call.status for call in cloud.calls] == [200, 401, 200]
