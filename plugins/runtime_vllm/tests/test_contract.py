"""The runtime ``vllm`` keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.testing import RuntimeContract, make_context
from llmwright.testing.presets import make_fit, make_instance_type, make_preset
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.driver import VllmRuntime


class TestVllm(RuntimeContract):
    @pytest.fixture
    def driver(self) -> VllmRuntime:
        return VllmRuntime(make_context())

    @pytest.fixture
    def preset(self) -> Preset:
        return make_preset(source="hf://acme/tiny", runtimes=("vllm",))

    @pytest.fixture
    def fit(self) -> Fit:
        return make_fit(gpus=1, instance_type=make_instance_type(gpus=1, gpu_model="NVIDIA A100"))

    @pytest.fixture
    def idle_options(self) -> frozenset[str]:
        """Without an adapter there is no rank."""
        return frozenset({"maxLoraRank"})


class TestVllmWhereItDecodes(TestVllm):
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"role": "decode", "localWeights": True}

    @pytest.mark.xfail(reason="the engine answers on its own port, and the sidecar in its place on http", strict=True)
    def test_answers_health_on_http(self, launch: Launch) -> None:
        super().test_answers_health_on_http(launch)

    @pytest.mark.xfail(reason="with localWeights the node has the weights already", strict=True)
    def test_weights_reach_the_process(self, driver: Any, preset: Preset, fit: Fit, adapters: Any, config: Any) -> None:
        super().test_weights_reach_the_process(driver, preset, fit, adapters, config)
