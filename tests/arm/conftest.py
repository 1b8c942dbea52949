"""A cloud without sockets, and one with; the real SDK on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.arm.support.asking import NO_SDK
from tests.arm.support.cloud import SUBSCRIPTION, Cloud, Cluster
from tests.arm.support.fixtures import arm_server, cloud, cluster
from tests.arm.support.server import ArmServer

__all__ = ["arm_server", "cloud", "cluster"]


@pytest.fixture
def client(cloud: Cloud, cluster: Cluster) -> Iterator[Any]:
    """The SDK on the cloud in this process; it retries nothing by itself."""
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from azure.mgmt.containerservice import ContainerServiceClient
    from tests.arm.support.transport import CloudCredential, CloudTransport

    transport = CloudTransport(cloud)
    with ContainerServiceClient(
        CloudCredential(cloud), SUBSCRIPTION, base_url=cloud.endpoint, transport=transport, retry_total=0
    ) as made:
        yield made


@pytest.fixture
def https_client(arm_server: ArmServer) -> Iterator[Any]:
    """The SDK on its own transport, over TLS; it retries nothing by itself."""
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from azure.mgmt.containerservice import ContainerServiceClient

    with ContainerServiceClient(**arm_server.client_arguments(), polling_interval=0.02, retry_total=0) as made:
        yield made
