"""The provisioner keeps the contract of provisioners, against a small cloud behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llmwright_provisioner_template_name.driver import TemplateNameProvisioner
from template_name_cloud import TemplateNameCloud, running_cloud

from llmwright.testing import ProvisionerContract, make_context


class TestTemplateNameProvisioner(ProvisionerContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def world(self) -> TemplateNameCloud:
        """A cloud without machines. The laws ask it what is really there, and have it lose, break and refuse."""
        return TemplateNameCloud()

    @pytest.fixture
    def driver(self, world: TemplateNameCloud) -> Iterator[TemplateNameProvisioner]:
        """The driver as LLMwright makes it, with the cloud's address in its settings."""
        with running_cloud(world) as endpoint:
            yield TemplateNameProvisioner(make_context(settings={"endpoint": endpoint}))
