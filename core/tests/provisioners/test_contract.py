"""The provisioner ``local`` keeps the contract."""

from __future__ import annotations

import pytest

from llmwright.provisioners.local import LocalProvisioner
from llmwright.testing import ProvisionerContract, make_context


class TestLocal(ProvisionerContract):
    @pytest.fixture
    def driver(self) -> LocalProvisioner:
        return LocalProvisioner(make_context())
