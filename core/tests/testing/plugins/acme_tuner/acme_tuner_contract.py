"""The test of its author."""

from __future__ import annotations

import pytest
from acme_tuner import AcmeTuner

from llmwright.testing import TunerContract, make_context


class TestAcmeTuner(TunerContract):
    @pytest.fixture
    def driver(self) -> AcmeTuner:
        return AcmeTuner(make_context())

    @pytest.fixture
    def patience_s(self) -> float:
        return 20.0
