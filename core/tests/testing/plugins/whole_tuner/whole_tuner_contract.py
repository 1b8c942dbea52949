"""The tuner keeps the contract of tuners."""

from __future__ import annotations

import pytest
from llmwright_tuner_acme.driver import AcmeTuner

from llmwright.testing import TunerContract, make_context


class TestAcmeTuner(TunerContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def driver(self) -> AcmeTuner:
        """The driver as LLMwright makes it."""
        return AcmeTuner(make_context())
