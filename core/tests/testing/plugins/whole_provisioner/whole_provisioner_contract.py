"""The provisioner keeps the contract of provisioners, against a small cloud behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llmwright_provisioner_acme.driver import AcmeProvisioner
from whole_cloud import AcmeCloud, running_cloud

from llmwright.testing import ProvisionerContract, make_context


class TestAcmeProvisioner(ProvisionerContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def world(self) -> AcmeCloud:
        """A cloud without machines. The laws ask it what is really there, and have it lose, break and refuse."""
        return AcmeCloud()

    @pytest.fixture
    def driver(self, world: AcmeCloud) -> Iterator[AcmeProvisioner]:
        """The driver as LLMwright makes it, with the cloud's address in its settings."""
        with running_cloud(world) as endpoint:
            yield AcmeProvisioner(make_context(settings={"endpoint": endpoint}))
