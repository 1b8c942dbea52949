"""Fixtures: a cloud with one cluster, without sockets and with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.server import ArmServer


@pytest.fixture
def cloud() -> Cloud:
    """A subscription whose time moves only when the test, or a wait of the SDK, moves it."""
    return Cloud()


@pytest.fixture
def cluster(cloud: Cloud) -> Cluster:
    """Its cluster ``prod`` in the group ``rg``."""
    return cloud.add_cluster()


@pytest.fixture
def arm_server() -> Iterator[ArmServer]:
    """A subscription on loopback, by this machine's clock, with the cluster ``prod`` and operations of 0.2 s."""
    cloud = Cloud(RealClock(), create_s=0.2, update_s=0.1, delete_s=0.1, retry_after_s=0)
    cloud.add_cluster()
    with ArmServer(cloud) as server:
        yield server
