"""The tuners ``lora`` and ``qlora`` keep the contract."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.testing import TunerContract, make_context
from llmwright_tuning_qlora.driver import LoraTuner, QloraTuner


class Short(TunerContract):
    """Runs of a few steps, with a checkpoint after each."""

    @pytest.fixture
    def few_steps(self) -> dict[str, Any]:
        return {"max_steps": 3, "save_strategy": "steps", "save_steps": 1}

    @pytest.fixture
    def many_steps(self, few_steps: dict[str, Any]) -> dict[str, Any]:
        return {**few_steps, "max_steps": 40}


class TestLora(Short):
    @pytest.fixture
    def driver(self) -> LoraTuner:
        return LoraTuner(make_context())


class TestQlora(Short):
    @pytest.fixture
    def driver(self) -> QloraTuner:
        return QloraTuner(make_context())
