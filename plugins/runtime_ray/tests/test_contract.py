"""The runtime ``ray`` keeps the contract. The laws of its running server are slow: they start Ray."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.ray_environment import ray_program

from llmwright.testing import RuntimeContract, make_context
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
