"""The runtime ``ray`` keeps the contract. The laws of its running server are slow: they start Ray."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.ray_environment import PROGRAM, ray_llm_environment, ray_program

from llmwright.testing import RuntimeContract, make_context, make_preset
from llmwright.values.preset import Preset
from llmwright_runtime_ray.driver import RayRuntime


class TestRay(RuntimeContract):
    @pytest.fixture
    def driver(self, request: pytest.FixtureRequest) -> RayRuntime:
        """The runtime; where a law starts it, with the Python that has Ray."""
        served = "served_launch" in request.fixturenames
        return RayRuntime(make_context(settings={"program": str(ray_program())} if served else {}))

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"maxOngoingRequests": 4}


class TestRayLlm(RuntimeContract):
    @pytest.fixture
    def driver(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RayRuntime:
        """The runtime, with the abilities of that engine; where a law starts it, with the Python that has both."""
        monkeypatch.setattr(RayRuntime, "capabilities", RayRuntime.engines["vllm"].capabilities)
        served = "served_launch" in request.fixturenames
        own = {"program": str(ray_llm_environment() / "bin" / PROGRAM), "vllm": "0.32.0"} if served else {}
        return RayRuntime(make_context(settings=own))

    @pytest.fixture
    def preset(self) -> Preset:
        return make_preset(source="hf://acme/tiny", runtimes=("vllm",))

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"engine": "vllm"}

    @pytest.fixture
    def idle_options(self) -> frozenset[str]:
        """``quantization: none`` asks for nothing, any other value is refused; without an adapter there is no rank."""
        return frozenset({"quantization", "maxLoraRank"})
