"""The runtime ``hf`` keeps the contract."""

from __future__ import annotations

import pytest

from llmwright.testing import RuntimeContract, make_context
from llmwright_runtime_hf.driver import HfRuntime


class TestHf(RuntimeContract):
    @pytest.fixture
    def driver(self) -> HfRuntime:
        return HfRuntime(make_context())
