"""The way to the cluster over HTTPS: azure-identity's own credentials, and the metadata of the machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.arm.support.asking import NO_SDK
from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import Cloud
from tests.arm.support.server import ArmServer

from llmwright.errors import TargetError
from llmwright_provisioner_aks.options import AksSettings


@pytest.fixture
def azure() -> Iterator[ArmServer]:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    cloud = Cloud(RealClock(), create_s=0.2, delete_s=0.1, retry_after_s=0)
    cloud.add_cluster()
    with ArmServer(cloud) as server:
        yield server


def connected(server: ArmServer, monkeypatch: pytest.MonkeyPatch, *, workload: bool = True, **named: str) -> Any:
    from llmwright_provisioner_aks.cloud.azure import Azure

    for name, value in server.environ(workload_identity=workload).items():
        monkeypatch.setenv(name, value)
    settings = AksSettings.model_validate({"resourceManager": server.endpoint, **named})
    return Azure(settings, lambda: datetime.now(UTC))


@pytest.mark.parametrize("workload", [True, False], ids=["workload identity", "managed identity"])
def test_the_cluster_is_found_by_the_machine_s_metadata_and_nothing_secret_is_logged(
    azure: ArmServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, workload: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = connected(azure, monkeypatch, workload=workload)
    assert [pool.name for pool in asked.refresh().pools] == ["system"]
    cluster = asked.connection.cluster()
    assert (cluster.group, cluster.name, cluster.location) == ("rg", "prod", "eastus")
    assert "arm-test-token" not in caplog.text


def test_an_operation_elsewhere_is_not_asked_for(azure: ArmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = connected(azure, monkeypatch)
    with pytest.raises(TargetError):
        asked.connection.get("https://evil.example/subscriptions")
    with pytest.raises(TargetError):
        asked.connection.get(f"{azure.endpoint}.evil.example/subscriptions")


def test_nothing_set_and_no_metadata_is_told(azure: ArmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = connected(azure, monkeypatch)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(TargetError, match="no subscription is set"):
        asked.refresh()
