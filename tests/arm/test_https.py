"""The SDK's own transport over TLS, and azure-identity on the token endpoints."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest
from tests.arm.support.asking import A100, NO_SDK
from tests.arm.support.faults import Interrupt, LoseResponse, Reset
from tests.arm.support.server import ArmServer
from tests.arm.support.tokens import CLIENT
from tests.arm.support.wire import Answer


def test_a_pool_is_made_over_tls(https_client: Any, arm_server: ArmServer) -> None:
    wanted = {"properties": {"vmSize": A100, "count": 1}}
    made = https_client.agent_pools.begin_create_or_update("rg", "prod", "x", wanted).result()
    assert made.properties.provisioning_state == "Succeeded"
    https_client.agent_pools.begin_delete("rg", "prod", "x").result()
    assert [pool.name for pool in https_client.agent_pools.list("rg", "prod")] == ["system"]
    assert {call.status for call in arm_server.cloud.calls} <= {200, 201, 202, 204}


def test_broken_connections(https_client: Any, arm_server: ArmServer) -> None:
    from azure.core.exceptions import ServiceResponseError

    arm_server.cloud.faults.next("pools.get", LoseResponse(), Reset())
    for _ in range(2):
        with pytest.raises(ServiceResponseError):
            https_client.agent_pools.get("rg", "prod", "system")
    assert https_client.agent_pools.get("rg", "prod", "system").name == "system"


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_something_happens_between_two_calls(https_client: Any, arm_server: ArmServer, when: str, exists: bool) -> None:
    from azure.core.exceptions import ServiceResponseError

    happened = []
    arm_server.cloud.faults.next("pools.put", Interrupt(lambda: happened.append(when), when))
    with pytest.raises(ServiceResponseError):
        https_client.agent_pools.begin_create_or_update("rg", "prod", "x", {"properties": {"vmSize": A100}})
    assert happened == [when]
    assert ("x" in arm_server.cloud.clusters["rg", "prod"].pools) is exists


def test_nobody_else_s_authority_is_trusted(arm_server: ArmServer) -> None:
    with pytest.raises(urllib.error.URLError, match=r"self-signed|unable to get local issuer"):
        urllib.request.urlopen(arm_server.endpoint, context=ssl.create_default_context())
    assert arm_server.cloud.calls == []


@pytest.mark.parametrize(("workload", "asked"), [(True, "tokens.post"), (False, "tokens.get")])
def test_azure_identity_gets_tokens_that_hold(
    arm_server: ArmServer, monkeypatch: pytest.MonkeyPatch, workload: bool, asked: str
) -> None:
    pytest.importorskip("azure.identity", reason=NO_SDK)
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.containerservice import ContainerServiceClient

    for name, value in arm_server.environ(workload_identity=workload).items():
        monkeypatch.setenv(name, value)
    arguments = {**arm_server.client_arguments(), "credential": DefaultAzureCredential()}
    del arguments["connection_verify"]  # the variable REQUESTS_CA_BUNDLE suffices
    with arguments["credential"], ContainerServiceClient(**arguments) as client:
        assert client.managed_clusters.get("rg", "prod").name == "prod"
    assert arm_server.identity.counts[asked] == 1


def metadata(server: ArmServer, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(f"{server.metadata_url}{path}", headers=headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_metadata_names_the_cluster(arm_server: ArmServer) -> None:
    path = "/metadata/instance?api-version=2021-02-01"
    status, body = metadata(arm_server, path, Metadata="true")
    assert status == 200
    assert body["compute"]["resourceGroupName"] == "MC_rg_prod_eastus"
    assert {"name": "aks-managed-cluster-name", "value": "prod"} in body["compute"]["tagsList"]
    assert metadata(arm_server, path)[0] == 400
    assert metadata(arm_server, "/metadata/instance", Metadata="true")[0] == 400


def test_a_managed_identity_that_is_not_there(arm_server: ArmServer) -> None:
    path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x&client_id="
    assert metadata(arm_server, f"{path}other", Metadata="true") == (
        400, {"error": "invalid_request", "error_description": "Identity not found"},
    )  # fmt: skip
    status, body = metadata(arm_server, f"{path}{CLIENT}", Metadata="true")
    assert (status, body["token_type"]) == (200, "Bearer")
    arm_server.identity.refuse.append(Answer(429, {"error": "too many"}))
    assert metadata(arm_server, f"{path}{CLIENT}", Metadata="true")[0] == 429
