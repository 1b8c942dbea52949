"""The runtime ``ray`` keeps the contract. The laws of its running server are slow: they start Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.support.swapped_runtime import QUIET, VLLM
from tests.support.ray_environment import PROGRAM, ray_llm_environment, ray_program

from llmwright.testing import RuntimeContract, make_context, make_preset
from llmwright.testing.processes import HOLD
from llmwright.values.preset import Preset
from llmwright_runtime_ray.driver import RayRuntime


def apart(program: Path, folder: Path) -> Path:
    """Return a program that runs ``program`` without the modules of this test, which vLLM would take for its own.

    What holds up a load stays: it is the first on the path.
    """
    made = folder / PROGRAM
    kept = f'case "$PYTHONPATH" in "{HOLD}":*) PYTHONPATH="{HOLD}";; *) unset PYTHONPATH;; esac'
    made.write_text(f'#!/bin/sh\n{kept}\nexec "{program}" "$@"\n')
    made.chmod(0o755)
    return made


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
    def driver(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RayRuntime:
        """The runtime, with the abilities of that engine; where a law starts it, with the Python that has both."""
        monkeypatch.setattr(RayRuntime, "capabilities", RayRuntime.engines["vllm"].capabilities)
        if "served_launch" not in request.fixturenames:
            return RayRuntime(make_context())
        for name, value in QUIET.items():
            monkeypatch.setenv(name, value)
        program = apart(ray_llm_environment() / "bin" / PROGRAM, tmp_path)
        return RayRuntime(make_context(settings={"program": str(program), "vllm": VLLM}))

    @pytest.fixture
    def serves_here(self) -> bool:
        """vLLM's build for processors does; without its environment these laws are skipped, and say so."""
        return True

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
