"""The test of its author."""

from __future__ import annotations

from typing import Any

import pytest
from acme_cloud import AcmeCloud
from acme_machines import AcmeMachines

from llmwright.testing import ProvisionerContract, make_context, make_instance_type
from llmwright.values.nodes import NodeRequest


class TestAcmeMachines(ProvisionerContract):
    @pytest.fixture
    def world(self) -> AcmeCloud:
        return AcmeCloud()

    @pytest.fixture
    def driver(self, world: AcmeCloud) -> AcmeMachines:
        return AcmeMachines(make_context(cluster=world, settings={"token": "a-token-of-acme"}, name="acme"))

    @pytest.fixture
    def request_(self, options: dict[str, Any]) -> NodeRequest:
        kind = make_instance_type(name="acme-a100", cloud="acme")
        return NodeRequest(
            namespace="default", workspace="demo", count=1, config=options, selector={"apps": "x"},
            instance_type=kind, instance_type_name=kind.name,
        )  # fmt: skip
