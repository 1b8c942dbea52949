"""The examples keep the contracts; run by the tests inside the environment that they are installed in."""

from __future__ import annotations

import pytest
from acme_runtime_plain.driver import PlainRuntime
from acme_tuner_last_layers.driver import LastLayersTuner

from llmwright.testing import PresetPackContract, RuntimeContract, TunerContract, make_context


class TestPlainRuntime(RuntimeContract):
    @pytest.fixture
    def driver(self) -> PlainRuntime:
        return PlainRuntime(make_context())


class TestLastLayersTuner(TunerContract):
    @pytest.fixture
    def driver(self) -> LastLayersTuner:
        return LastLayersTuner(make_context())


class TestAcmePresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "acme-presets"
