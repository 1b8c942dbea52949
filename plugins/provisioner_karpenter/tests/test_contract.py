"""Both modes keep the contract of provisioners."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.testing import ProvisionerContract, make_instance_type
from llmwright.values.nodes import NodeRequest

SKU = "Standard_NC24ads_A100_v4"
KWOK = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}


class Either(ProvisionerContract):
    mode = ""

    @pytest.fixture
    def driver(self, driver: Any) -> Any:
        return driver

    @pytest.fixture
    def world(self, world: Any) -> Any:
        return world

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"mode": self.mode, "nodeClassRef": KWOK}

    @pytest.fixture(params=[1, 3])
    def request_(self, request: pytest.FixtureRequest, options: dict[str, Any]) -> NodeRequest:
        return NodeRequest(
            namespace="default",
            workspace="demo",
            count=request.param,
            selector={"apps": "x"},
            instance_type=make_instance_type(name=SKU, cloud="azure", gpus=1),
            instance_type_name=SKU,
            config=options,
        )


class TestNodeClaims(Either):
    mode = "nodeclaim"


class TestNodePool(Either):
    mode = "nodepool"
