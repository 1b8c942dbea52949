"""The test of its author."""

from __future__ import annotations

import pytest
from acme_engine import AcmeEngine

from llmwright.testing import RuntimeContract, make_context


class TestAcmeEngine(RuntimeContract):
    @pytest.fixture
    def driver(self) -> AcmeEngine:
        return AcmeEngine(make_context())
