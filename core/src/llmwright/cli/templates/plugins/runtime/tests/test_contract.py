"""The runtime keeps the contract of runtimes."""

from __future__ import annotations

import pytest
from llmwright_runtime_template_name.driver import TemplateNameRuntime

from llmwright.testing import RuntimeContract, make_context


class TestTemplateNameRuntime(RuntimeContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def driver(self) -> TemplateNameRuntime:
        """The driver as LLMwright makes it."""
        return TemplateNameRuntime(make_context())
