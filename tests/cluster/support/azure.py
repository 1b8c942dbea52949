"""Azure beside the cluster: the local ARM over HTTPS, whose agent pools become nodes of the real API server.

A module of tests imports the fixtures ``azure``, ``settings`` and ``environ``: its operator then has the provisioner
``aks`` on that Azure, beside the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.arm.support.asking import NO_SDK
from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import SUBSCRIPTION, Cloud
from tests.arm.support.node_bridge import ApiServer, NodeBridge
from tests.arm.support.server import ArmServer
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster


@dataclass(frozen=True)
class Azure:
    """A subscription with the cluster ``prod`` (group ``rg``), and the bridge that makes its nodes."""

    server: ArmServer
    bridge: NodeBridge

    @property
    def cloud(self) -> Cloud:
        """Faults, calls, and all that is really there."""
        return self.server.cloud

    @property
    def pools(self) -> dict[str, int]:
        """The pools beside the cluster's own, and their sizes."""
        return {
            name: pool.count for name, pool in [*self.cloud.clusters["rg", "prod"].pools.items()] if name != "system"
        }

    @property
    def settings(self) -> dict[str, Any]:
        """``plugins.provisioner.aks`` of an operator on it."""
        cluster = {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "clusterName": "prod"}
        return {**cluster, "resourceManager": self.server.endpoint}

    def delete(self, workspaces: Workspaces, name: str) -> None:
        """Delete a Workspace, and wait until no pool is left."""
        workspaces.plane.kubectl("delete", "workspace", name, "--timeout=180s")
        wait_until(lambda: not self.pools, "the pool is gone")


@contextmanager
def running_azure(plane: ApiServer) -> Iterator[Azure]:
    """Serve a subscription whose cluster is ``plane``; its nodes go at the end.

    ``server.environ()`` is for an operator's process.
    """
    cloud = Cloud(RealClock(), create_s=1, update_s=0.5, delete_s=0.5, retry_after_s=1)
    cloud.add_cluster()
    with ArmServer(cloud) as server, NodeBridge(cloud, plane).running() as bridge:
        yield Azure(server, bridge)


def on_aks(desired: dict[str, Any], **resource: Any) -> dict[str, Any]:
    """The same Workspace, with the one line that chooses the provisioner."""
    return {**desired, "resource": {**desired["resource"], "provisioner": "aks", **resource}}


@pytest.fixture(scope="module")
def azure(plane: Cluster) -> Iterator[Azure]:
    """Azure, while the tests of a module run."""
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    with running_azure(plane) as running:
        yield running


@pytest.fixture(scope="module")
def settings(azure: Azure) -> dict[str, Any]:
    """Settings of an operator that may have nodes from Karpenter and from Azure."""
    plugins = {"provisioner": {**BUYING["plugins"]["provisioner"], "aks": azure.settings}}
    return {**BUYING, "preflight": True, "plugins": plugins}


@pytest.fixture(scope="module")
def environ(azure: Azure) -> dict[str, str]:
    """The operator's way to an identity."""
    return azure.server.environ()
