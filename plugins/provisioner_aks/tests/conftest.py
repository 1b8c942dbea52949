"""A driver against the local Resource Manager, through the real SDK and without sockets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.arm.support.asking import NO_SDK


@pytest.fixture
def world() -> Any:
    """The cluster of the local Resource Manager."""
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from plugins.provisioner_aks.tests.support.aks_world import AksWorld

    return AksWorld()


@pytest.fixture
def driver(world: Any) -> Any:
    """The driver on it."""
    from plugins.provisioner_aks.tests.support.aks_world import make_driver

    return make_driver(world)
