"""The provisioner keeps the contract of provisioners, against a small cloud behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from llmwright_provisioner_template_name.cloud import Cloud
from llmwright_provisioner_template_name.driver import TemplateNameProvisioner
from template_name_cloud import Machines, running_cloud

from llmwright.testing import ProvisionerContract, World, make_context
from llmwright.values.nodes import NodeRequest


@dataclass(kw_only=True)
class CloudWorld(World):
    """The cloud as the laws see it."""

    machines: Machines
    endpoint: str

    def snapshot(self) -> object:
        """Return the list of the cloud."""
        return Cloud(self.endpoint).machines()

    def tick(self) -> None:
        """Let time pass, here and in the cloud."""
        super().tick()
        self.machines.tick()


class TestTemplateNameProvisioner(ProvisionerContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def world(self) -> Iterator[CloudWorld]:
        """A cloud without machines."""
        machines = Machines()
        with running_cloud(machines) as endpoint:
            yield CloudWorld(machines=machines, endpoint=endpoint)

    @pytest.fixture
    def request_(self) -> NodeRequest:
        """A request for one machine that the cloud has."""
        return NodeRequest(namespace="default", workspace="demo", count=1, instance_type_name="big")

    @pytest.fixture
    def driver(self, world: CloudWorld) -> TemplateNameProvisioner:
        """The driver as LLMwright makes it, with the cloud's address in its settings."""
        return TemplateNameProvisioner(make_context(settings={"endpoint": world.endpoint}))
