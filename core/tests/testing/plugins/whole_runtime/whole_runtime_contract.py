"""The runtime keeps the contract of runtimes."""

from __future__ import annotations

import pytest
from llmwright_runtime_acme.driver import AcmeRuntime

from llmwright.testing import RuntimeContract, make_context


class TestAcmeRuntime(RuntimeContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def driver(self) -> AcmeRuntime:
        """The driver as LLMwright makes it."""
        return AcmeRuntime(make_context())
