"""The tuner keeps the contract of tuners."""

from __future__ import annotations

import pytest
from llmwright_tuner_template_name.driver import TemplateNameTuner

from llmwright.testing import TunerContract, make_context


class TestTemplateNameTuner(TunerContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def driver(self) -> TemplateNameTuner:
        """The driver as LLMwright makes it."""
        return TemplateNameTuner(make_context())
