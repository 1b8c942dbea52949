"""The test of its author."""

from __future__ import annotations

import pytest

from llmwright.testing import HooksContract


class TestAcmeRules(HooksContract):
    @pytest.fixture
    def plugin(self) -> str:
        return "acme-rules"
