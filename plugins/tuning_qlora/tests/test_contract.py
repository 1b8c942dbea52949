"""The tuners ``lora`` and ``qlora`` keep the contract."""

from __future__ import annotations

import pytest

from llmwright.testing import TunerContract, make_context
from llmwright_tuning_qlora.driver import LoraTuner, QloraTuner


class TestLora(TunerContract):
    @pytest.fixture
    def driver(self) -> LoraTuner:
        return LoraTuner(make_context())


class TestQlora(TunerContract):
    @pytest.fixture
    def driver(self) -> QloraTuner:
        return QloraTuner(make_context())
