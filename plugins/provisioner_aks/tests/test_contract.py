"""The driver keeps the contract of provisioners, on a cluster that the local Resource Manager has."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.testing import ProvisionerContract, make_instance_type
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest

SIZE = "Standard_NC24ads_A100_v4"


class TestAks(ProvisionerContract):
    @pytest.fixture
    def driver(self, driver: Any) -> Any:
        return driver

    @pytest.fixture
    def world(self, world: Any) -> Any:
        return world

    @pytest.fixture(params=[1, 3])
    def request_(self, request: pytest.FixtureRequest, options: dict[str, Any]) -> NodeRequest:
        return NodeRequest(
            namespace="default",
            workspace="demo",
            count=request.param,
            selector={"apps": "x"},
            instance_type=make_instance_type(name=SIZE, cloud="azure", gpus=1, compute_capability=(8, 0)),
            instance_type_name=SIZE,
            config=options,
        )

    @pytest.fixture
    def other_type(self) -> InstanceType:
        return make_instance_type(name="Standard_NC48ads_A100_v4", cloud="azure", gpus=2)
